import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { Inspection } from '../../protocol/inspection.ts'
import type { JobPlan } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { compareVersions } from '../scheduling/eligibility.ts'
import { wantedFrames } from './asked-frames.ts'
import { planMovie } from './movie.ts'
import { isSameEngine } from './engines.ts'
import { tilesPerFrame } from './job-tasks.ts'
import { checkColors, checkFiles, isEarlyWarning } from './missing-files.ts'
import { checkRanges, refuseRanges } from './sample-rules.ts'

/**
 * Of a whole frame, beside what File Output nodes write: what the artist gets, the raw image, and a view that can be
 * shown.
 */
const FILES_OF_FRAME_MAX = 3
/** Names shown of a list in one sentence. */
const SHOWN_MAX = 8

/**
 * Simulations that come out of our worker as `blender -a` shows them when all frames are rendered in order. Measured
 * with Blender
 * 3.4.1 over six frames: 0 pixels differ. Rigid and soft bodies do differ (without a window Blender's own animation
 * render stops them after a step), and so do simulations of geometry nodes (that render does not simulate them at all:
 * 15 % of the pixels by frame 3, with 4.2.0 and 5.0.1).
 */
const KEPT_IN_ORDER = ['cloth', 'particles', 'hair dynamics', 'dynamic paint']
/**
 * EEVEE from this version on keeps none of them: a public scene with unbaked cloth, 5.3.0, had 10 % of its pixels
 * otherwise in frame 3 than `-a` shows, in every way to render frame by frame that was tried. A scene of ours with
 * Cycles does not differ.
 */
const EEVEE_KEEPS_NONE_FROM = '4.2.0'
/**
 * A fluid whose cache has the type Replay. It writes the cache beside the file while frames are rendered and shows what
 * lies there, so a frame may show what was rendered before it. (Measured with 3.4.1: 446 of 5,184 px of `-f` after
 * another process had rendered the same three frames, 0 with an empty cache.)
 */
const NEVER_KEPT = 'replayed fluid'

/**
 * A plan made from the file alone, after Blender has looked at the scene. What a worker found makes the plan stricter,
 * never laxer: nothing that the file itself forbids is allowed here. Refused with `tiles_not_exact`,
 * `samples_not_splittable`, `samples_invalid`, `frames_not_apart`, `files_too_many`, `scene_missing_files`,
 * `scene_color_unknown`, `scene_no_camera` or `resolution_invalid`.
 */
export function applyInspection(
  plan: JobPlan,
  known: Partial<Pick<SceneRecord, 'facts'>>,
  found: Inspection,
): { ok: true; plan: JobPlan } | Refusal {
  if (!found.hasCamera && plan.settings.camera === undefined)
    return refuse(
      'scene_no_camera',
      `scene "${plan.sceneName}": Blender finds no camera in it; add one (Add > ` +
        `Camera), make it the scene's camera, save, and upload again`,
    )
  const named = checkNames(plan, found)
  if (!named.ok) return named
  const size = checkSize(plan, found)
  if (!size.ok) return size
  const missing = checkFiles(plan, found)
  if (!missing.ok) return missing
  const colors = checkColors(plan, known, found)
  if (!colors.ok) return colors
  const split = plan.tiles === undefined ? keepOrder(plan, found) : checkSplit(plan, plan.tiles, found)
  if (!split.ok) return split
  const movie = planMovie(plan, found.movie, wantedFrames(plan))
  const extras = checkExtraFiles({ ...plan, ...split.change }, found.extraFiles ?? 0)
  if (!extras.ok) return extras
  const early = plan.notes.filter((note) => !isEarlyWarning(note))
  const notes = [...missing.notes, ...colors.notes, ...early, ...split.notes, ...movie.notes, ...oddities(found)].map(
    (note) => note.slice(0, LIMITS.messageLengthMax),
  )
  return {
    ok: true,
    plan: {
      ...plan,
      ...split.change,
      ...movie.change,
      ...(found.stereo ? { stereo: true } : {}),
      notes: notes.slice(0, LIMITS.notesPerPlanMax),
    },
  }
}

/** Why tiles would not be exact, as parts of a sentence; empty when they are. */
export function inspectedObstacles(found: Inspection): string[] {
  if (found.tiling.exact && found.history.length === 0) return []
  return found.tiling.reasons.length > 0
    ? [...found.tiling.reasons]
    : [found.history.length > 0 ? historyText(found) : 'Blender gives no reason']
}

type Split = { ok: true; change: Partial<JobPlan>; notes: string[] } | Refusal

function checkSplit(plan: JobPlan, tiles: NonNullable<JobPlan['tiles']>, found: Inspection): Split {
  const tiled = checkTiles(plan, tiles, found)
  if (!tiled.ok || plan.samples === undefined) return tiled
  const ranges = checkRanges(plan, plan.samples, found)
  if (!ranges.ok) return ranges
  const { total } = ranges.samples
  const notes =
    total === plan.samples.total
      ? []
      : [`Blender says that the scene has ${total} samples, the file alone seemed to say ${plan.samples.total}`]
  return { ok: true, change: { ...tiled.change, samples: ranges.samples }, notes: [...tiled.notes, ...notes] }
}

function checkTiles(plan: JobPlan, tiles: NonNullable<JobPlan['tiles']>, found: Inspection): Split {
  const obstacles = inspectedObstacles(found)
  // Frames of one tile are put together and finished as tiles are.
  if (obstacles.length > 0 && tilesPerFrame(plan) === 1) return refuseRanges(plan.sceneName, obstacles)
  if (obstacles.length > 0)
    return refuse(
      'tiles_not_exact',
      `tiles of scene "${plan.sceneName}" would not give the same pixels: ` +
        `${obstacles.join('; ')}. Submit without tiles`,
    )
  const overscanPx = tilesPerFrame(plan) === 1 ? 0 : Math.max(tiles.overscanPx, found.tiling.overscanPx)
  if (overscanPx === tiles.overscanPx) return { ok: true, change: {}, notes: [] }
  return {
    ok: true,
    change: { tiles: { ...tiles, overscanPx } },
    notes: [`tiles have ${overscanPx} px of overscan because Blender asks for it`],
  }
}

/**
 * Blender keeps an unbaked simulation in the open file and goes on from frame to frame, so all frames are one task:
 * whoever takes it over after a failure begins at the first frame again.
 */
function keepOrder(plan: JobPlan, found: Inspection): Split {
  if (found.history.length === 0) return { ok: true, change: {}, notes: [] }
  const replayed = found.history.filter(({ kind }) => kind === NEVER_KEPT)
  if (replayed.length > 0)
    return refuse(
      'frames_not_apart',
      `${list(replayed.map(({ object }) => `"${object}"`))}: a fluid of the cache type Replay writes ` +
        'its cache while it is rendered, so a frame depends on what was rendered before. Choose Modular ' +
        'or All as type of its cache, bake, save, and upload again with the cache in the project .zip',
    )
  if (plan.frameCount === 1)
    return {
      ok: true,
      change: {},
      notes: [
        `${historyText(found)}; a single frame shows them as Blender does when ` +
          'it renders that frame of the file as it was saved',
      ],
    }
  const isNewEevee =
    found.engine.startsWith('BLENDER_EEVEE') && compareVersions(found.blenderVersion, EEVEE_KEEPS_NONE_FROM) >= 0
  const lost = isNewEevee ? found.history : found.history.filter(({ kind }) => !KEPT_IN_ORDER.includes(kind))
  if (lost.length > 0) {
    return refuse(
      'frames_not_apart',
      `${list(lost.map(({ object, kind }) => `${kind} of "${object}"`))}: a simulation of this kind must ` +
        'be baked to be rendered as Blender renders it. Bake it, save (a cache on disk must ' +
        'be in the project .zip), and upload again; or submit a single frame',
    )
  }
  if (plan.frameCount > LIMITS.framesPerChunkMax) {
    return refuse(
      'frames_not_apart',
      `${historyText(found)}, so one worker must render all ${plan.frameCount} frames in order, and ` +
        `${LIMITS.framesPerChunkMax} frames in one task is the limit. Bake the simulations in Blender, ` +
        'save (a cache on disk must be in the project .zip), and upload again; ' +
        `or submit at most ${LIMITS.framesPerChunkMax} frames`,
    )
  }
  const note =
    `${historyText(found)}: one worker renders all frames in order, and another ` +
    'one would begin anew; bake them to let many workers render'
  const notes = [note]
  if (plan.chunk > 1 && plan.chunk < plan.frameCount)
    notes.push(`chunks of ${plan.chunk} frames would break that order and are ignored`)
  if (/[,:]/.test(plan.frames))
    notes.push(
      "a frame that does not follow the one before it by the scene's frame step begins the simulation anew, " +
        'as rendering that frame alone does',
    )
  return { ok: true, change: { chunk: plan.frameCount, ordered: true, renderTaskCount: 1 }, notes }
}

function historyText(found: Inspection): string {
  return (
    'frames depend on earlier frames, because simulations are not baked ' +
    `(${list(found.history.map(({ object, kind }) => `${kind} of "${object}"`))})`
  )
}

/** What the job names in the scene must be there, and Blender must have the engine. */
function checkNames({ sceneName, engine, settings }: JobPlan, found: Inspection): { ok: true } | Refusal {
  const { camera, viewLayer } = settings
  if (camera !== undefined && found.cameras?.includes(camera) === false)
    return refuse(
      'camera_unknown',
      `settings.camera: scene "${sceneName}" has no camera "${camera}"; it has ${quoted(found.cameras)}`,
    )
  if (viewLayer !== undefined && found.viewLayers?.includes(viewLayer) === false)
    return refuse(
      'view_layer_unknown',
      `settings.viewLayer: scene "${sceneName}" has no view layer "${viewLayer}"; it has ${quoted(found.viewLayers)}`,
    )
  if (!isSameEngine(engine, found.engine))
    return refuse(
      'engine_unknown',
      `the scene is made for the engine ${engine}, and Blender ${found.blenderVersion} would render it with ` +
        `${found.engine || 'none'}; name the engine to use (settings.engine, --engine)`,
    )
  return { ok: true }
}

function quoted(names: readonly string[]): string {
  return names.length === 0 ? 'none' : list(names.map((name) => `"${name}"`))
}

/** The scene's own size only: for another one Blender was not asked. */
function checkSize(plan: JobPlan, found: Inspection): { ok: true } | Refusal {
  if (plan.settings.resolution !== undefined) return { ok: true }
  const { width, height, region, cropsToBorder } = found.image
  const written = cropsToBorder ? region : { width, height }
  const own = plan.region ?? { x: 0, y: 0, width: plan.width, height: plan.height }
  const same =
    written.width === plan.width &&
    written.height === plan.height &&
    own.x === region.x &&
    own.y === region.y &&
    own.width === region.width &&
    own.height === region.height
  if (same) return { ok: true }
  return refuse(
    'resolution_invalid',
    `scene "${plan.sceneName}": the file says ${plan.width}x${plan.height} with the region ` +
      `${rectangle(own)}, Blender ${found.blenderVersion} renders ${written.width}x${written.height} ` +
      `with the region ${rectangle(region)}; open it in that Blender, save, and upload again, or ask for a resolution`,
  )
}

/** Whether a result can hold what File Output nodes write beside its frames. */
function checkExtraFiles(plan: JobPlan, extraFiles: number): { ok: true } | Refusal {
  const { extraFilesPerFrameMax, filesPerResultMax } = LIMITS
  const advice = 'Remove or mute some, or let them write several passes into one multilayer EXR'
  if (extraFiles > extraFilesPerFrameMax) {
    return refuse(
      'files_too_many',
      `File Output nodes of scene "${plan.sceneName}" write ${extraFiles} files beside ` +
        `each frame, ${extraFilesPerFrameMax} is the limit. ${advice}`,
    )
  }
  const perFrame = extraFiles + FILES_OF_FRAME_MAX
  if (plan.chunk * perFrame <= filesPerResultMax) return { ok: true }
  const [asked, most] = [
    `${plan.chunk} frames in one task make ${plan.chunk * perFrame} files`,
    Math.floor(filesPerResultMax / perFrame),
  ]
  const otherwise =
    plan.ordered === true
      ? `or bake the simulations, so that the frames need not be one task`
      : `or ask for at most ${most} frames in a task`
  return refuse(
    'files_too_many',
    `${asked}, because File Output nodes write ${extraFiles} beside each; ` +
      `${filesPerResultMax} is the limit. ${advice}; ${otherwise}`,
  )
}

/** What does not stop a job, but that its artist should know. */
function oddities(found: Inspection): string[] {
  const notes: string[] = []
  if (found.denoiser === 'here')
    notes.push('the scene is denoised: its tasks go to workers whose Blender has OpenImageDenoise')
  if (found.leftOut !== undefined && found.leftOut.length > 0)
    notes.push(
      'Blender shows nothing of ' +
        `${list(found.leftOut.map(({ object, kind }) => `the ${kind} of "${object}"`))}, because it is not baked`,
    )
  if (found.burnsStamp)
    notes.push('the render time and the like are burned into the images, so no two renders of a frame are equal')
  if (found.gpuCompositor === true)
    notes.push(
      'the compositor is set to the GPU: farms run it on the processor, so that all machines agree, ' +
        'and some nodes round otherwise there (Lens Distortion with dispersion visibly)',
    )
  if (found.timeLimitSeconds > 0)
    notes.push(
      `the scene limits the render time to ${found.timeLimitSeconds} s, so its pixels depend on how fast a machine is`,
    )
  if (found.blockedScripts.length > 0)
    notes.push(
      'scripts and Python drivers do not run on a farm, so what they move stands still: ' +
        `${list(found.blockedScripts)}. ` +
        'Bake their values into keys (Object > Animation > Bake Action), save, and upload again',
    )
  if (found.fileOutputs.length > 0)
    notes.push(
      `what File Output nodes write is delivered below outputs/, in their own folders: ${list(found.fileOutputs)}`,
    )
  for (const { node, path } of found.unknownTemplates ?? [])
    notes.push(
      node === ''
        ? `Blender ${found.blenderVersion} itself would not render this scene, because it does not know a template ` +
            `in its output path "${path}"; here its frames are named by their numbers`
        : `File Output node "${node}" writes nothing: Blender ${found.blenderVersion} does not know a template in ` +
            `its path "${path}"; correct it (Node > Properties), save, and upload again`,
    )
  return notes
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_MAX).join(', ')
  return names.length > SHOWN_MAX ? `${shown} and ${names.length - SHOWN_MAX} more` : shown
}

function rectangle({ x, y, width, height }: { x: number; y: number; width: number; height: number }): string {
  return `${width}x${height} at ${x},${y}`
}
