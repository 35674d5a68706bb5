import { Inspection, INSPECTION_LIMITS as MAX } from '../../shared/protocol/inspection.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { DATABLOCK_NAME_LENGTH_MAX } from '../../shared/protocol/scene-facts.ts'
import type { AnswerTo } from '../blender/answers.ts'
import { WorkFailure } from '../failure.ts'

/**
 * What the farm is told of all that the driver found: what decides how a job is split, within the bounds of one
 * message. Throws WorkFailure for what no scene can be.
 */
export function inspectionOf(
  found: AnswerTo<'inspect'>,
  unknownColors: NonNullable<Inspection['unknownColors']> = [],
): Inspection {
  const missing = found.missingFiles
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
    ...(found.cameras.length > MAX.names ? {} : { cameras: found.cameras }),
    ...(found.viewLayers.length > MAX.names ? {} : { viewLayers: found.viewLayers }),
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
    missingFiles: missing.slice(0, MAX.files).map(missingFile),
    missingForPicture: missing.filter(({ effect }) => effect === 'picture').length,
    // Too many to tell are as good as none: the next job with other frames has them looked at anew.
    ...(found.framesLooked === null
      ? {}
      : { framesLooked: found.framesLooked.length > LIMITS.messageLengthMax ? '' : found.framesLooked }),
    unknownColors: unknownColors.slice(0, MAX.colors).map((color) => ({
      what: color.what,
      ...(color.name === undefined ? {} : { name: color.name.slice(0, MAX.useLength) }),
      ...(color.usedBy === undefined ? {} : { usedBy: color.usedBy.slice(0, MAX.useLength) }),
    })),
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
      unknownColors.length > MAX.colors ||
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

function missingFile(file: AnswerTo<'inspect'>['missingFiles'][number]): Inspection['missingFiles'][number] {
  const { kind, path, effect, usedBy, users, frames, count, tiles } = file
  return {
    kind: kind.slice(0, MAX.kindLength),
    // The end of a path tells more than its beginning.
    path: path.length <= MAX.fileLength ? path : `…${path.slice(1 - MAX.fileLength)}`,
    effect,
    ...(usedBy === '' ? {} : { usedBy: usedBy.slice(0, MAX.useLength) }),
    users,
    count,
    ...(tiles === '' ? {} : { tiles: tiles.slice(0, MAX.framesLength) }),
    // Frames that cannot all be told count as all frames.
    ...(frames === null || frames.length > MAX.framesLength ? {} : { frames }),
  }
}

function simulations(found: AnswerTo<'inspect'>['history']): Inspection['history'] {
  return found.slice(0, MAX.simulations).map(({ object, kind }) => ({
    object: object.slice(0, DATABLOCK_NAME_LENGTH_MAX),
    kind: kind.slice(0, MAX.kindLength),
  }))
}
