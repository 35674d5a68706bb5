import { z } from 'zod'

/** Every type of event in the log of a job, in the order in which they may come, with what it says happened. */
export const EVENT_TYPES = {
  job_submitted: 'The job was written down',
  scene_inspected: 'A worker has looked at the scene, and the plan follows from what it found',
  denoiser_wanted: 'The scene is denoised, so that its tasks wait for a Blender with OpenImageDenoise',
  job_started: 'All tasks are written down and may be handed out',
  attempt_failed: 'A worker could not do a task, or said that the scene cannot be rendered',
  lease_expired: 'A worker was silent for too long; its task goes to another one',
  second_attempt: 'A task is slow, and an idle worker tries it as well',
  result_rejected: 'Files that were handed in are not what was committed to, or cannot be used',
  result_disputed: 'Two workers rendered different images of a task, and no third one has settled it yet',
  result_refuted: 'A result was found to be wrong, and its worker is to blame',
  audit_settled: 'Workers agree on a task that was disputed',
  audit_unread: 'A task is not checked, since the farm does not read its files',
  frames_delivered: 'All frames are delivered; video and manifest follow',
  job_completed: 'Everything is delivered',
  job_failed: 'The job stops, and why',
  job_canceled: 'Somebody canceled the job',
  job_paused: 'Somebody paused the job: nothing more is handed out',
  job_resumed: 'Somebody let a paused job go on',
  job_changed: 'Somebody changed options of the job',
  job_retried: 'Somebody let a failed or canceled job try again',
  job_recovered: 'The job was rebuilt from the object store after the state of the farm was lost',
} as const satisfies Readonly<Record<string, string>>

export type EventType = keyof typeof EVENT_TYPES

const TYPES = Object.keys(EVENT_TYPES) as [EventType, ...EventType[]]
export const EventType = z.enum(TYPES)
