/**
 * Every maximum in the system, with its unit and the reason for the number. A limit that is reached is always told:
 * in a refusal with a code of the catalogue, never by silence.
 */
export const LIMITS = {
  /** A scene upload. Packed production scenes of a few GiB are common, tens of GiB are not. */
  sceneBytesMax: 16 * 1024 ** 3,
  /** Files of one project; a production has some ten thousand. */
  filesPerProjectMax: 100_000,
  /** All files of one project together: a shot with long sequences of volumes has a hundred GiB. */
  projectBytesMax: 256 * 1024 ** 3,
  /** A list of files as a REST body: the most files, with paths of 150 characters. */
  manifestBytesMax: 32 * 1024 ** 2,
  /** Files that a scene asks for in another spelling than its project has; more are told as missing. */
  aliasesPerSceneMax: 500,
  /** Addresses of files that a worker asks for at once: each is signed, and about 500 characters long. */
  fileAddressesMax: 500,
  /** Frames of one job: more than a day of film at 24 fps would be 2,073,600; this is over an hour. */
  framesPerJobMax: 100_000,
  /** Frame numbers that Blender itself accepts (MINAFRAME and MAXFRAME in its source). */
  frameNumberMin: -1_048_574,
  frameNumberMax: 1_048_574,
  /** Tasks of one job: each costs about 400 bytes of Redis memory. */
  tasksPerJobMax: 1_000_000,
  /** Tiles along one side of a frame. */
  tilesPerSideMax: 64,
  /** Pixels along one side: Blender's own maximum. */
  resolutionMax: 65_536,
  samplesMax: 16_777_216,
  /**
   * Ranges that the samples of a frame are split into: the files of all of them are open at once when they are merged,
   * and a process may open 1,024.
   */
  sampleRangesMax: 256,
  /** Parts that one resumable upload may come in: of 2 MiB each for the largest scene; `tilework` sends 8. */
  partsPerUploadMax: 8_192,
  /** A WebSocket message from a worker: a result of a 100-frame chunk with hashes is about 40 KiB. */
  workerMessageBytesMax: 256 * 1024,
  /** A REST body that is not an upload. */
  restBodyBytesMax: 1024 * 1024,
  /** Files one attempt may hand in. */
  filesPerResultMax: 512,
  /**
   * Files that File Output nodes may write beside one frame: every pass of several view layers. A page of 500 frames
   * then lists 126,000 files, about 25 MiB.
   */
  extraFilesPerFrameMax: 250,
  /** Delivered files of one frame: those, the frame itself and its preview. */
  filesPerFrameMax: 252,
  /** One file of a result: a 16k x 16k float RGBA image is 4 GiB before compression. */
  resultFileBytesMax: 8 * 1024 ** 3,
  /** Tries of one task, whoever was to blame, before it fails for good. */
  triesPerTaskMax: 8,
  /** Tries of one task that ended by the scene's own fault before the job stops (a poison scene stops early). */
  sceneFaultsMax: 2,
  /** Leases one worker may hold at once: its slots and one in advance for each. */
  leasesPerWorkerMax: 64,
  /** Cap of a job: more than all connected workers together can hold. */
  capMax: 1_280_000,
  /**
   * Times that one job may be retried or given other frames. Each may leave some 20 audits of a disputed task, which
   * are named with three digits.
   */
  revisionsPerJobMax: 30,
  framesPerChunkMax: 100,
  /**
   * What a job may ask as the least time of a task: a frame that takes longer than a day is no case for "too quick".
   */
  secondsPerTaskMax: 86_400,
  /** Remarks in a plan: each is a different thing, and there are not more of them. */
  notesPerPlanMax: 50,
  /**
   * Inspections kept with a file, oldest dropped first: files with more scenes than this are rarely rendered from more.
   */
  inspectionsPerSceneKept: 32,
  /** Jobs not yet ended; each coordinator looks at every one of them once a second. */
  openJobsMax: 2_000,
  pageSizeMax: 500,
  nameLengthMax: 200,
  pathLengthMax: 1_024,
  /** Characters of a delivered file's path below its folder, as File Output nodes may write it. */
  placeLengthMax: 400,
  messageLengthMax: 4_000,
  /** Job events kept, oldest dropped first; the job's page says when some were dropped. */
  eventsPerJobKept: 10_000,
  /** Workers connected to one coordinator. Each costs it about 40 KiB and a file handle. */
  workersConnectedMax: 20_000,
  /** The same of one token: half of that, so that no owner can take all the places. */
  workersPerTokenMax: 10_000,
  /**
   * Connections to one coordinator whose worker is not welcomed yet: as many as are greeted well within the 20 s that a
   * worker waits for its welcome.
   */
  workersUngreetedMax: 10_000,
  /** The same from one address: 2,000 machines behind one router, or one that only opens connections. */
  workersUngreetedPerAddressMax: 2_000,
  /**
   * Hellos handled at the same time: enough to keep Redis busy, few enough to leave it time for heartbeats. The others
   * wait.
   */
  greetingsAtOnceMax: 64,
  /** Seconds from an open connection to the hello, which is one message that the worker has ready. */
  helloSecondsMax: 10,
  /** Workers that the farm remembers, connected or not: about 1 KiB of Redis memory each. */
  workersKnownMax: 100_000,
  /** Jobs of one owner that have not ended: a quarter of what the farm takes. */
  openJobsPerOwnerMax: 500,
  /** Commands of one process that Redis has not answered: those of 20,000 heartbeats at once, about 50 MiB. */
  redisCommandsPendingMax: 50_000,
  /** Unfinished uploads of a farm, of all owners. */
  uploadsUnfinishedMax: 1_000,
  /** TCP connections to one coordinator: its workers, and room for people, uploads and probes. */
  connectionsMax: 24_000,
  /**
   * Of them, those that the kernel keeps until they are taken: all at once, so no more than take some tenths of a
   * second.
   */
  connectionsWaitingMax: 1_024,
} as const
