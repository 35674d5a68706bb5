import { Inspection, INSPECTION_LIMITS as MAX } from '../../shared/protocol/inspection.ts'
import { DATABLOCK_NAME_LENGTH_MAX } from '../../shared/protocol/scene-facts.ts'
import type { AnswerTo } from '../blender/answers.ts'
import { WorkFailure } from '../failure.ts'

/**
 * What the farm is told of all that the driver found: what decides how a job is split, within the bounds of one
 * message. Throws WorkFailure for what no scene can be.
 */
export function inspectionOf(found: AnswerTo<'inspect'>): Inspection {
  const missing = found.externalFiles.filter((file) => file.missing)
  const { fileOutputs, extraFiles, unknownTemplates } = found.compositor
  const inspection: Inspection = {
    scene: found.scene,
    blenderVersion: found.blenderVersion,
    engine: found.engine.slice(0, 64),
    image: {
      width: found.image.width,
      height: found.image.height,
      region: found.image.region,
      cropsToBorder: found.image.cropsToBorder,
    },
    ...(found.movie === null ? {} : { movie: found.movie }),
    hasCamera: found.hasCamera,
    tiling: {
      ...found.tiling,
      reasons: found.tiling.reasons.slice(0, MAX.reasons).map((reason) => reason.slice(0, MAX.reasonLength)),
    },
    sampleRanges: {
      samples: found.sampleRanges.samples,
      ...(found.sampleRanges.samplesMax === null ? {} : { samplesMax: found.sampleRanges.samplesMax }),
      reasons: found.sampleRanges.reasons.slice(0, MAX.reasons).map((reason) => reason.slice(0, MAX.reasonLength)),
    },
    history: simulations(found.history),
    leftOut: simulations(found.leftOut),
    missingFiles: missing
      .slice(0, MAX.files)
      .map(({ kind, path }) => ({ kind: kind.slice(0, MAX.kindLength), path: path.slice(0, MAX.fileLength) })),
    fileOutputs: fileOutputs.slice(0, MAX.nodes).map((name) => name.slice(0, DATABLOCK_NAME_LENGTH_MAX)),
    extraFiles,
    unknownTemplates: unknownTemplates.slice(0, MAX.templates).map(({ node, path }) => ({
      node: node.slice(0, DATABLOCK_NAME_LENGTH_MAX),
      path: path.slice(0, MAX.fileLength),
    })),
    blockedScripts: found.blockedScripts.slice(0, MAX.scripts).map((script) => script.slice(0, MAX.scriptLength)),
    denoising: found.sampling.denoising,
    denoiser: found.denoiser,
    stereo: found.stereo,
    motionBlur: found.motionBlur,
    burnsStamp: found.burnsStamp,
    gpuCompositor: found.compositor.asksForGpu,
    timeLimitSeconds: found.sampling.timeLimitSeconds ?? 0,
    cut:
      found.tiling.reasons.length > MAX.reasons ||
      found.sampleRanges.reasons.length > MAX.reasons ||
      found.history.length > MAX.simulations ||
      found.leftOut.length > MAX.simulations ||
      missing.length > MAX.files ||
      fileOutputs.length > MAX.nodes ||
      unknownTemplates.length > MAX.templates ||
      found.blockedScripts.length > MAX.scripts,
  }
  const parsed = Inspection.safeParse(inspection)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WorkFailure(
    'output_invalid',
    `what Blender reported about the scene is invalid: ${issue?.path.join('.')}: ${issue?.message}`,
  )
}

function simulations(found: AnswerTo<'inspect'>['history']): Inspection['history'] {
  return found.slice(0, MAX.simulations).map(({ object, kind }) => ({
    object: object.slice(0, DATABLOCK_NAME_LENGTH_MAX),
    kind: kind.slice(0, MAX.kindLength),
  }))
}
