import type { PlanView } from '../../../shared/protocol/plan.ts'
import { formatSeconds } from '../quantities.ts'

/** Columns of the names at the left. */
const NAME_LENGTH = 10
/** Tiles and files listed one by one; the rest is counted. */
const LISTED_MAX = 16

/** A plan as lines for people. */
export function planLines(view: PlanView): string[] {
  const { plan, tasks, exactness } = view
  const video = videoText(plan)
  const region = plan.region === undefined ? '' : `, render region ${area(plan.region)}`
  return [
    ...(plan.insteadOf === undefined
      ? []
      : [`Delivered as ${plan.format}, because the job asks for it; the scene itself writes ${plan.insteadOf}.`]),
    ...named('scene', [`${plan.sceneName} of ${view.scene.name}, ${plan.engine}`]),
    ...(plan.blender === undefined ? [] : named('blender', [plan.blender.why])),
    ...named('frames', [
      `${plan.frames} (${plan.frameCount}), ${plan.width} x ${plan.height}${region}, ${plan.format}${video}`,
    ]),
    ...named('tasks', [
      `${tasks.render} to render${tasks.finish > 0 ? `, ${tasks.finish} to finish` : ''}, ` +
        `about ${tasks.audits} ${tasks.audits === 1 ? 'audit' : 'audits'}`,
      tasks.rule,
      ...(tasks.inspect > 0 ? ['first, one that opens the scene in Blender'] : []),
    ]),
    ...(view.tiles.length < 2
      ? []
      : named(
          'tiles',
          listed(view.tiles.map(({ placement, window }) => `${area(placement)}, rendered as ${area(window)}`)),
        )),
    ...named('exact', [`${exactness.exact ? 'yes' : 'no'}: ${exactness.why[0] ?? ''}`, ...exactness.why.slice(1)]),
    ...named(
      'in tiles',
      exactness.tiles.exact
        ? [`exact, with ${exactness.tiles.overscanPx} px of overscan`]
        : ['not exact', ...exactness.tiles.reasons],
    ),
    ...named(
      'in ranges',
      exactness.samples.splittable ? ['possible, not bit-identical'] : ['not possible', ...exactness.samples.reasons],
    ),
    ...named(
      'missing',
      view.missingFiles.length === 0
        ? ['no files']
        : listed(view.missingFiles.map(({ path, reason }) => `${path}: ${reason}`)),
    ),
    ...named('estimate', [estimate(view.estimate)]),
    ...(plan.notes.length === 0 ? [] : named('notes', plan.notes)),
    ...(view.refusal === undefined
      ? []
      : ['', `Submitting this would be refused: ${view.refusal.code}: ${view.refusal.detail}`]),
  ]
}

/** `, mp4 video`, or what is known of the scene's own movie. */
function videoText({ video, movie, sound }: PlanView['plan']): string {
  if (video === 'none') return ''
  const own =
    movie === undefined ? "the scene's own movie" : `movie as the scene says: ${movie.codec} in ${movie.container}`
  const heard = sound === undefined ? '' : ` with sound (${sound.codec})`
  return `, ${video === 'scene' ? own : `${video} video`}${heard}`
}

function named(name: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? name : '').padEnd(NAME_LENGTH)}${line}`)
}

function listed(lines: readonly string[]): string[] {
  return lines.length <= LISTED_MAX
    ? [...lines]
    : [...lines.slice(0, LISTED_MAX), `and ${lines.length - LISTED_MAX} more`]
}

function area({ x, y, width, height }: { x: number; y: number; width: number; height: number }): string {
  return `${width} x ${height} at ${x},${y}`
}

function estimate(found: PlanView['estimate']): string {
  if (found === null) return 'none: this scene was not rendered here before'
  const pace =
    `from ${found.fromTasks} ${found.fromTasks === 1 ? 'task' : 'tasks'} of ` +
    `${found.fromJobs} earlier ${found.fromJobs === 1 ? 'job' : 'jobs'}`
  const alone = `${formatSeconds(found.workerSeconds)} of one worker`
  return found.seconds === null
    ? `${alone}, ${pace}; no connected worker can render it`
    : `${formatSeconds(found.seconds)} with the workers that are connected (${alone}), ${pace}`
}
