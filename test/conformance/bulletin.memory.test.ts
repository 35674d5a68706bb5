import { MemoryBulletin } from '../../shared/adapters/memory/bulletin.ts'
import { bulletinSuite } from './bulletin.ts'

bulletinSuite('memory', () => {
  const bulletin = new MemoryBulletin()
  return { here: bulletin, there: bulletin }
})
