import { JobView } from '../../../../shared/protocol/job.ts'

/** A job in the middle of its way; `change` replaces whole fields. */
export function jobView(change: Partial<JobView> = {}): JobView {
  return JobView.parse({
    id: 'job_01m84kjtdn7rah38frtxad39tj',
    name: 'sea',
    owner: 'ada',
    state: 'active',
    scene: { sha256: 'a'.repeat(64), bytes: 10, kind: 'blend' },
    plan: {
      sceneName: 'Scene',
      engine: 'CYCLES',
      frames: '1-24',
      frameCount: 24,
      width: 480,
      height: 270,
      tiles: { columns: 2, rows: 2, overscanPx: 0 },
      chunk: 1,
      renderTaskCount: 96,
      settings: {},
      format: 'png',
      video: 'mp4',
      fps: 24,
      auditRate: 0.1,
      notes: [],
    },
    priority: 50,
    requirement: {},
    createdAt: 0,
    tasksPlanned: 96,
    files: [],
    counts: {
      render: { completed: 40, leased: 2, delivering: 1, queued: 53 },
      finish: { completed: 6, leased: 1 },
      audit: { completed: 3, queued: 1, leased: 1 },
      frames: { delivered: 5, delivering: 1, finishing: 1, stitching: 2, rendering: 15 },
      verdicts: { agreed: 3 },
    },
    progress: 0.42,
    secondsLeft: 75,
    waiting: [],
    disputes: [],
    ...change,
  })
}
