import { expect, it } from 'vitest'
import { memoryOf, nvidiaMemory, parseNvidiaMemory } from '../../../../blender-worker/blender/gpu-memory.ts'

const GIB = 1024 ** 3

it('reads names and memory and leaves out what has none', () => {
  expect(parseNvidiaMemory('NVIDIA GeForce RTX 4090, 24576\nNVIDIA GH200, [N/A]\nTesla T4, 15360\n')).toEqual([
    { name: 'NVIDIA GeForce RTX 4090', memoryBytes: 24 * GIB },
    { name: 'Tesla T4', memoryBytes: 15 * GIB },
  ])
})

it('matches devices by the name that Blender gives them', () => {
  const gpus = [{ name: 'NVIDIA GeForce RTX 4090', memoryBytes: 24 * GIB }]
  expect(memoryOf('NVIDIA GeForce RTX 4090', gpus)).toBe(24 * GIB)
  expect(memoryOf('GeForce RTX 4090 (Display)', gpus)).toBe(24 * GIB)
  expect(memoryOf('AMD EPYC', gpus)).toBeUndefined()
})

it('finds nothing where there is no NVIDIA driver', async () => {
  expect(await nvidiaMemory('/nowhere/nvidia-smi')).toEqual([])
})
