import { describe, expect, test } from 'vitest'
import type { FarmClient } from '../../../../services/cli/api/farm-client.ts'
import { noteLines } from '../../../../services/cli/progress/job-text.ts'
import { Screen } from '../../../../services/cli/progress/screen.ts'
import { watchJob } from '../../../../services/cli/progress/watch-job.ts'
import type { JobView } from '../../../../shared/protocol/job.ts'
import { jobView } from './job-views.ts'

function withNotes(notes: string[], change: Partial<JobView> = {}): JobView {
  const job = jobView(change)
  return { ...job, plan: { ...job.plan, notes } }
}

/** A farm that answers with these views of a job, one after the other. */
function farmOf(views: JobView[]): FarmClient {
  const left = [...views]
  const client: Partial<FarmClient> = {
    job: () => Promise.resolve(left.shift() as JobView),
    info: () => Promise.resolve({ workersConnected: 1 } as Awaited<ReturnType<FarmClient['info']>>),
  }
  return client as FarmClient
}

describe('watching a job', () => {
  test('says each note of its plan once, also those that came after the submission', async () => {
    let written = ''
    const screen = new Screen({ isTTY: true, write: (text) => (written += text) })
    const views = [
      withNotes(['told at submission'], { state: 'inspecting' }),
      withNotes(['told at submission', 'found by Blender']),
      withNotes(['told at submission', 'found by Blender'], { state: 'completed' }),
    ]
    await watchJob(farmOf(views), 'job_1', screen, { pollPauseMs: 0, toldNotes: ['told at submission'] })
    expect(written.match(/note: .*/g)).toEqual(['note: found by Blender'])
  })
})

describe('the notes of a job', () => {
  test('are a line each, but for those that were told before', () => {
    expect(noteLines(withNotes(['one', 'two']), ['one'])).toEqual(['note: two'])
  })
})
