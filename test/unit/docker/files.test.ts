import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parseWorkerConfig, WORKER_ENVIRONMENT } from '../../../blender-worker/config.ts'
import { FarmConfig, readConfig } from '../../../services/wiring/config.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const SERVICES = ['coordinator', 'verifier', 'assembler', 'worker']
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const compose = read('docker-compose.yml')
const SHARED_END = '# ----'

const folders: string[] = []
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })))

describe.each(SERVICES)('docker/%s/Dockerfile', (service) => {
  const text = read(`docker/${service}/Dockerfile`)
  const instructions = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))

  it('starts from one base, pinned to a version, that a digest can be given for', () => {
    expect(text).toMatch(/^ARG NODE_IMAGE=docker\.io\/library\/node:\d+\.\d+\.\d+-[a-z]+-slim$/m)
    expect(
      instructions.filter((line) => line.startsWith('FROM ')).every((line) => line.startsWith('FROM ${NODE_IMAGE}')),
    ).toBe(true)
  })

  it('has the same first stages as the others, so that they are built once', () => {
    const shared = (name: string) => {
      const other = read(`docker/${name}/Dockerfile`)
      return other.slice(other.indexOf('ARG NODE_IMAGE'), other.indexOf(SHARED_END))
    }
    expect(shared(service)).toBe(shared('coordinator'))
    expect(shared(service)).toContain('npm ci --omit=dev')
  })

  it('ends as the user 10001, with a health check and its own command', () => {
    expect(last.filter((line) => line.startsWith('USER '))).toEqual(['USER 10001:10001'])
    expect(last.findIndex((line) => line.startsWith('RUN '))).toBeLessThan(last.indexOf('USER 10001:10001'))
    expect(last.find((line) => line.startsWith('HEALTHCHECK '))).toContain(
      `CMD ["node", "docker/health/check.mjs", "${service}"]`,
    )
    expect(last.at(-1)).toBe(`CMD ["${service}"]`)
  })

  it('copies what is there and what .dockerignore lets through', () => {
    const ignore = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(ignore[0]).toBe('*')
    const open = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
    const sources = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
    expect(sources.length).toBeGreaterThan(5)
    for (const source of sources) {
      expect(`${source} ${existsSync(join(ROOT, source))}`).toBe(`${source} true`)
      const through = open.some(
        (path) =>
          source === path ||
          source.startsWith(`${path}/`) ||
          (path.endsWith('*.sh') && source.startsWith(path.slice(0, -4)) && source.endsWith('.sh')),
      )
      expect(`${source} ${through}`).toBe(`${source} true`)
    }
  })

  it('puts no secret into a layer', () => {
    expect(instructions.filter((line) => /^(ENV|ARG)\b.*(TOKEN|SECRET|PASSWORD|ACCESS_KEY)/.test(line))).toEqual([])
  })
})

describe('docker-compose.yml', () => {
  it('pins every image that is not built here', () => {
    const images = [...compose.matchAll(/^ +image: (\S+)$/gm)].map((match) => match[1] ?? '')
    expect(images.length).toBeGreaterThan(5)
    expect(
      images.filter(
        (image) =>
          !/^docker\.io\/[a-z/]+:v?\d+\.\d+\.\d+[a-z-]*$/.test(image) &&
          !/^tilework\/[a-z]+:\$\{TILEWORK_VERSION:-\d+\.\d+\.\d+\}$/.test(image),
      ),
    ).toEqual([])
  })

  it('lets workers be scaled: no fixed name, no port, no shared data volume', () => {
    expect(compose).not.toContain('container_name')
    const worker = compose.slice(compose.indexOf('\n  worker:\n'), compose.indexOf('\nnetworks:\n'))
    expect(worker).toContain('volumes: [/data]')
    expect(worker).not.toContain('ports:')
  })

  it('gives the services only settings that they have', () => {
    const known = [...Object.keys(FarmConfig.shape), ...Object.values(WORKER_ENVIRONMENT)]
    const set = [...compose.matchAll(/^ +((?:TILEWORK|S3|REDIS_URL|HOST|PORT|LOG)[A-Z0-9_]*): /gm)].map(
      (match) => match[1] ?? '',
    )
    expect(set.length).toBeGreaterThan(20)
    expect(set.filter((name) => !known.includes(name))).toEqual([])
  })

  it('reads no variable that docker/README.md does not explain', () => {
    const variables = [
      ...new Set(
        [...`${compose}${read('docker/compose.nvidia.yml')}`.matchAll(/(?<!\$)\$\{([A-Z0-9_]+)/g)].map(
          (match) => match[1] ?? '',
        ),
      ),
    ]
    const explained = new Set(
      [...read('docker/README.md').matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1] ?? ''),
    )
    expect(variables.filter((name) => !explained.has(name))).toEqual([])
  })

  it('keeps Redis as the embedded farm does: append-only, and never forgetting', () => {
    for (const setting of [
      'appendonly yes',
      'appendfsync always',
      'maxmemory-policy noeviction',
      'hash-max-listpack-value 512',
    ])
      expect(compose).toContain(setting)
  })
})

describe('docker/make-env.sh', () => {
  function inCopy(): string {
    const folder = mkdtempSync(join(tmpdir(), 'tilework-env-'))
    folders.push(folder)
    mkdirSync(join(folder, 'docker'))
    for (const name of ['make-env.sh', '.env.example']) cpSync(join(ROOT, 'docker', name), join(folder, 'docker', name))
    return folder
  }
  const variablesOf = (folder: string) =>
    Object.fromEntries(
      [...readFileSync(join(folder, '.env'), 'utf8').matchAll(/^([A-Z0-9_]+)=(.*)$/gm)].map((match) => [
        match[1] ?? '',
        match[2] ?? '',
      ]),
    )

  it('fills every secret that compose asks for, each differently, for its owner only', () => {
    const folder = inCopy()
    execFileSync('sh', [join(folder, 'docker/make-env.sh')], { stdio: 'ignore' })
    const variables = variablesOf(folder)
    const asked = [...new Set([...compose.matchAll(/\$\{([A-Z0-9_]+):\?/g)].map((match) => match[1] ?? ''))]
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.filter((name) => (variables[name] ?? '') === '')).toEqual([])
    const secrets = asked.filter((name) => name !== 'S3_ACCESS_KEY_ID').map((name) => variables[name])
    expect(new Set(secrets).size).toBe(secrets.length)
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600)
  })

  it('writes secrets that the services and a worker take', () => {
    const folder = inCopy()
    execFileSync('sh', [join(folder, 'docker/make-env.sh')], { stdio: 'ignore' })
    const {
      REDIS_PASSWORD = '',
      TILEWORK_SECRET = '',
      TILEWORK_API_TOKEN = '',
      TILEWORK_WORKER_TOKEN = '',
    } = variablesOf(folder)
    const config = readConfig({
      REDIS_URL: `redis://:${REDIS_PASSWORD}@redis:6379`,
      S3_BUCKET: 'tilework',
      TILEWORK_SECRET,
      TILEWORK_API_TOKENS: `artist:${TILEWORK_API_TOKEN},`,
    })
    expect(config.TILEWORK_API_TOKENS).toEqual([{ name: 'artist', token: TILEWORK_API_TOKEN }])
    expect(new URL(config.REDIS_URL).password).toBe(REDIS_PASSWORD)
    expect(parseWorkerConfig({}, { TILEWORK_WORKER_URL: 'ws://coordinator:8470', TILEWORK_WORKER_TOKEN }).ok).toBe(true)
  })

  it('leaves the secrets of a farm alone', () => {
    const folder = inCopy()
    const run = () => spawnSync('sh', [join(folder, 'docker/make-env.sh')], { encoding: 'utf8' })
    expect(run().status).toBe(0)
    const before = variablesOf(folder)
    const again = run()
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('.env is there already')
    expect(variablesOf(folder)).toEqual(before)
  })
})
