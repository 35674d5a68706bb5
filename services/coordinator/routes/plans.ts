import { RefusalError } from '../../../shared/protocol/errors.ts'
import { JobRequest } from '../../../shared/protocol/job.ts'
import { PlanView } from '../../../shared/protocol/plan.ts'
import type { AppDependencies } from '../dependencies.ts'
import { ownerOf } from '../plugins/authentication.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** What a job can be refused for before anything is known but its request and its scene. */
export const PLANNING_CODES = [
  'scene_unknown',
  'scene_missing_files',
  'scene_no_camera',
  'scene_not_in_file',
  'blender_too_old',
  'engine_unknown',
  'camera_unknown',
  'view_layer_unknown',
  'ocio_invalid',
  'blend_invalid',
  'frames_invalid',
  'frames_empty',
  'frames_too_many',
  'frames_not_apart',
  'tiles_invalid',
  'tiles_not_exact',
  'resolution_invalid',
  'format_invalid',
  'files_too_many',
  'too_many_tasks',
] as const

/** Plans: what a job would be, before it is one. */
export function addPlanRoutes(app: RestApp, { farm }: Pick<AppDependencies, 'farm'>): void {
  app.post('/v1/plans', {
    schema: {
      tags: ['jobs'],
      summary: 'See what a job would be',
      description:
        'Takes the request of a job and answers with its tasks, its tiles, what is exact and why not where ' +
        'it is not, missing files, and an estimate from earlier jobs of the scene. Nothing is written ' +
        'down. A request that only missing files or inexact tiles stand against is planned ' +
        'without them, and `refusal` tells what a submission would be answered.',
      body: JobRequest,
      response: {
        200: PlanView.describe('The plan'),
        ...problems('too_large', 'unsupported_media_type', ...PLANNING_CODES),
      },
    },
    handler: async (request) => {
      const planned = await farm.planJob(ownerOf(request), request.body)
      if (!planned.ok) throw new RefusalError(planned.code, planned.detail)
      return planned.plan
    },
  })
}
