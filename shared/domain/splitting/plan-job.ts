import { type Refusal, refuse } from '../../protocol/errors.ts'
import { nameForFile } from '../../protocol/final-path.ts'
import type { SceneInspection } from '../../protocol/inspection.ts'
import type { JobPlan, JobRequest } from '../../protocol/job.ts'
import { PlanOptions, type VideoChoice } from '../../protocol/job-options.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { PixelRectangle, RenderSettings } from '../../protocol/render-settings.ts'
import type { SceneSettings } from '../../protocol/scene-facts.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { Requirement } from '../../protocol/worker.ts'
import { type BlendersHere, blenderNow, fromOwnVersion, renderedBy, savedBy } from '../scheduling/blender-choice.ts'
import { mayDecide } from '../scheduling/eligibility.ts'
import { applyInspection } from './apply-inspection.ts'
import { imageFormat, writesMovie } from './image-format.ts'
import { engineOf } from './engines.ts'
import { formatFrames, parseFrames } from './frames.ts'
import { tasksPerFrame } from './job-tasks.ts'
import { earlyWarning, looksAtFrames } from './missing-files.ts'
import { regionOf } from './region.ts'
import { splitFrame } from './split-frame.ts'
import { stitchedSize } from './tiles.ts'

/** The share of tasks that are rendered again when a request says nothing. */
export const AUDIT_RATE_DEFAULT = 0.1
export const PRIORITY_DEFAULT = 50

/**
 * All that is decided about a job before anything runs, or why it cannot run: what the request leaves out comes from
 * the scene. Pure, so that it can be shown before it is done. `here`: which
 * Blenders are connected.
 */
export function planJob(
  request: JobRequest,
  scene: SceneRecord,
  here: BlendersHere = { able: [], all: [] },
): { ok: true; plan: JobPlan; frames: number[]; requirement: Requirement } | Refusal {
  const wanted = request.settings?.scene ?? scene.facts.activeScene
  const own = scene.facts.scenes.find((each) => each.name === wanted)
  if (own === undefined)
    return refuse(
      'scene_not_in_file',
      `settings.scene: the file has no scene "${wanted}"; it has ` +
        `${scene.facts.scenes.map((each) => `"${each.name}"`).join(', ')}`,
    )
  const engine = engineOf(own.engine, request.settings)
  if (!engine.ok) return engine
  const facts = { ...own, engine: engine.name }
  if (facts.name === '' || facts.name.length > LIMITS.nameLengthMax || facts.engine === '') {
    return refuse(
      'blend_invalid',
      `scene "${facts.name.slice(0, LIMITS.nameLengthMax)}" (engine "${facts.engine}"): a scene needs ` +
        `a name of 1 to ${LIMITS.nameLengthMax} characters and an engine; rename ` +
        'it or choose an engine in Blender, save, and upload again',
    )
  }
  const version = savedBy(scene.facts.version)
  const versioned = fromOwnVersion(request.requirement ?? {}, version)
  if (!versioned.ok) return versioned
  const { requirement } = versioned
  if (!facts.hasCamera && !isComposed(facts) && request.settings?.camera === undefined)
    return refuse(
      'scene_no_camera',
      `scene "${facts.name}" has no camera; add one in Blender (Add > Camera), ` +
        `make it the scene's camera, save, and upload again`,
    )
  if (request.settings?.ocio !== undefined && scene.kind === 'blend')
    return refuse(
      'ocio_invalid',
      `settings.ocio: ${request.settings.ocio} would be in the project folder, and a lone .blend comes without one; ` +
        'submit the folder',
    )
  const frames = parseFrames(request.frames ?? sceneFrames(facts))
  if (!frames.ok) return frames
  const size = imageSize(facts, request.settings)
  if (!size.ok) return size
  const format = imageFormat(facts.output, request.settings?.format)
  if (!format.ok) return format
  const notes: string[] = [...format.notes]
  const warning = earlyWarning(scene)
  if (warning !== undefined) notes.push(warning.slice(0, LIMITS.messageLengthMax))

  notes.push(...aliasNotes(scene))

  const chunk = request.chunk ?? 1
  const split = splitFrame(request, facts, stitchedSize(size))
  if (!split.ok) return split
  notes.push(...split.notes)
  const { tiles, samples } = split
  const renderTaskCount =
    tiles === undefined
      ? Math.ceil(frames.frames.length / chunk)
      : frames.frames.length * tasksPerFrame({ tiles, samples })
  if (renderTaskCount > LIMITS.tasksPerJobMax)
    return refuse(
      'too_many_tasks',
      `the job would have ${renderTaskCount} tasks, ${LIMITS.tasksPerJobMax} is the ` +
        'limit; use fewer tiles, sample ranges or frames, or larger chunks',
    )
  const settings: RenderSettings = { ...request.settings, scene: facts.name, format: format.settings }
  const text = formatFrames(frames.frames)
  if (text.length > LIMITS.messageLengthMax * 4)
    return refuse('frames_invalid', 'frames: too many separate ranges; split the job')
  const plan: JobPlan = {
    sceneName: facts.name,
    ...(scene.mainBlend === undefined ? {} : { mainBlend: scene.mainBlend }),
    ...(scene.kind === 'blend' ? { blendName: nameForFile(scene.name) } : {}),
    ...(scene.aliases === undefined ? {} : { aliases: scene.aliases }),
    engine: facts.engine,
    blender: blenderNow(version, requirement, here),
    frames: text,
    frameCount: frames.frames.length,
    width: size.width,
    height: size.height,
    ...(size.region === undefined ? {} : { region: size.region }),
    ...(tiles === undefined ? {} : { tiles }),
    ...(samples === undefined ? {} : { samples }),
    chunk,
    renderTaskCount,
    settings,
    format: format.file,
    ...(format.insteadOf === undefined ? {} : { insteadOf: format.insteadOf }),
    video: videoChoice(request.video, facts, frames.frames.length),
    fps: Math.min(1_000, Math.max(0.01, facts.fps)),
    auditRate: request.auditRate ?? AUDIT_RATE_DEFAULT,
    ...PlanOptions.parse(request),
    notes,
  }
  const inspection = inspectionOf(scene, plan, requirement)
  if (inspection === undefined) return { ok: true, frames: frames.frames, plan, requirement }
  const stricter = applyInspection(renderedBy(plan, requirement, inspection.blenderVersion), scene, inspection)
  return stricter.ok ? { ok: true, frames: frames.frames, plan: stricter.plan, requirement } : stricter
}

/**
 * What a Blender that the job may have found last in a scene of the file; undefined when none has looked yet, or not
 * for what this plan needs.
 */
export function inspectionOf(
  scene: Pick<SceneRecord, 'inspections'>,
  plan: Pick<JobPlan, 'sceneName' | 'samples' | 'settings' | 'frames' | 'video'>,
  requirement: Requirement = {},
): SceneInspection | undefined {
  if (hasInspectionOfItsOwn(plan.settings)) return undefined
  return scene.inspections?.findLast(
    (inspection) =>
      inspection.scene === plan.sceneName &&
      mayDecide(requirement, inspection) &&
      (plan.samples === undefined || inspection.sampleRanges !== undefined) &&
      looksAtFrames(inspection, plan.frames) &&
      // An older one did not tell of the movie.
      (plan.video !== 'scene' || inspection.movie !== undefined),
  )
}

function aliasNotes({ aliases: [first, ...others] = [] }: Pick<SceneRecord, 'aliases'>): string[] {
  if (first === undefined) return []
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  return [
    `the project spells some files otherwise than the scene asks for them (case or accents); taken is ` +
      `${JSON.stringify(first.path)} for ${JSON.stringify(first.asked)}${more}`,
  ]
}

/** Whether what Blender finds for these settings holds for jobs with them alone. */
export function hasInspectionOfItsOwn({ engine, ocio }: RenderSettings): boolean {
  return engine !== undefined || ocio !== undefined
}

/** The picture may come from an edit or a compositor, which need no camera of the scene; Blender itself looks then. */
function isComposed(facts: SceneSettings): boolean {
  return (facts.useSequencer && facts.hasSequencerStrips) || (facts.useCompositing && facts.hasNodeTree)
}

function sceneFrames(facts: SceneSettings): string {
  const step = Math.max(1, facts.frameStep)
  return facts.frameEnd === facts.frameStart
    ? String(facts.frameStart)
    : `${facts.frameStart}-${facts.frameEnd}${step === 1 ? '' : `:${step}`}`
}

/**
 * Pixels of the final image, and what is rendered of the whole one where that is not all. Blender computes percentages
 * with whole numbers: size * percent / 100, cut off.
 */
function imageSize(
  facts: SceneSettings,
  settings: RenderSettings | undefined,
): { ok: true; width: number; height: number; region?: PixelRectangle } | Refusal {
  const asked = settings?.resolution
  const percentage =
    asked !== undefined && 'percentage' in asked
      ? asked.percentage
      : asked === undefined
        ? facts.resolutionPercentage
        : 100
  const full = asked !== undefined && 'width' in asked ? asked : { width: facts.resolutionX, height: facts.resolutionY }
  const width = Math.trunc((full.width * percentage) / 100)
  const height = Math.trunc((full.height * percentage) / 100)
  if (width < 1 || height < 1 || width > LIMITS.resolutionMax || height > LIMITS.resolutionMax) {
    return refuse(
      'resolution_invalid',
      `settings.resolution: the image would have ${width}x${height} pixels; ` +
        `each side must be 1 to ${LIMITS.resolutionMax}`,
    )
  }
  if (!facts.border.used) return { ok: true, width, height }
  const region = regionOf(facts.border, width, height)
  if (region.width < 1 || region.height < 1) {
    return refuse(
      'resolution_invalid',
      `the render region of the scene holds no pixel of ${width}x${height}; draw it anew or switch it ` +
        'off (Output > Format > Render Region), save, and upload again, or ask for a larger resolution',
    )
  }
  return facts.border.crop
    ? { ok: true, width: region.width, height: region.height, region }
    : { ok: true, width, height, region }
}

/**
 * By default the movie that the scene itself writes, also one of a single frame; where it writes images, a video of an
 * animation.
 */
function videoChoice(asked: VideoChoice | undefined, facts: SceneSettings, frameCount: number): VideoChoice {
  if (asked !== undefined) return asked
  if (writesMovie(facts.output)) return 'scene'
  return frameCount > 1 && facts.frameEnd > facts.frameStart ? 'mp4' : 'none'
}
