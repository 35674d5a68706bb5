"""What the farm and the add-on tell each other, as Python types.

Written by `npm run generate` from shared/protocol: change that, and not this file.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union  # noqa: F401


class _ArtifactAlways(TypedDict):
    path: str
    bytes: int
    sha256: str
    contentType: str


class Artifact(_ArtifactAlways, total=False):
    node: str
    slot: str
    frame: int
    url: str


class ArtifactPage(TypedDict):
    items: List[Artifact]
    next: Optional[str]


class _AttemptFailureAlways(TypedDict):
    code: Literal[
        "blender_crashed",
        "blender_missing",
        "blender_error",
        "out_of_memory",
        "gpu_error",
        "no_progress",
        "disk_full",
        "output_invalid",
        "device_missing",
        "no_camera",
        "blend_unreadable",
        "engine_missing",
        "denoiser_missing",
        "scene_download_failed",
        "upload_failed",
        "interrupted",
        "result_withheld",
        "result_unread",
    ]
    message: str


class AttemptFailure(_AttemptFailureAlways, total=False):
    lastWords: str


class _AttemptFilesItemPlaceAlways(TypedDict):
    path: str


class AttemptFilesItemPlace(_AttemptFilesItemPlaceAlways, total=False):
    node: str
    slot: str


class _AttemptFilesItemAlways(TypedDict):
    name: str
    frame: int
    role: Literal["final", "raw", "display", "extra", "sound"]
    bytes: int
    sha256: str


class AttemptFilesItem(_AttemptFilesItemAlways, total=False):
    place: AttemptFilesItemPlace


class _AttemptAlways(TypedDict):
    epoch: int
    workerId: str
    outcome: Literal["running", "rendered", "failed", "expired", "released", "rejected", "canceled", "overtaken"]
    startedAt: int
    verdict: Literal["unverified", "agreed", "grey", "refuted"]


class Attempt(_AttemptAlways, total=False):
    endedAt: int
    renderSeconds: float
    peakMemoryBytes: int
    failure: AttemptFailure
    files: List[AttemptFilesItem]
    drawnForAudit: bool


class _CapabilitiesBlenderAlways(TypedDict):
    version: str
    buildHash: str
    path: str
    engines: List[str]


class CapabilitiesBlender(_CapabilitiesBlenderAlways, total=False):
    hasDenoiser: bool


class _CapabilitiesDevicesItemAlways(TypedDict):
    kind: Literal["CPU", "CUDA", "OPTIX", "HIP", "METAL", "ONEAPI"]
    name: str


class CapabilitiesDevicesItem(_CapabilitiesDevicesItemAlways, total=False):
    memoryBytes: int


class Capabilities(TypedDict):
    blender: CapabilitiesBlender
    devices: List[CapabilitiesDevicesItem]
    memoryBytes: int
    cpuThreads: int
    os: str
    slots: int
    tags: List[str]


class Farm(TypedDict):
    name: Literal["tilework"]
    version: str
    workersConnected: int
    jobsOpen: int


class FileAddressRequest(TypedDict):
    files: List[str]


class FileAddresses(TypedDict):
    urls: List[str]


class FrameStitched(TypedDict):
    bytes: int
    sha256: str


class _FrameFilesItemAlways(TypedDict):
    path: str
    bytes: int
    sha256: str
    contentType: str


class FrameFilesItem(_FrameFilesItemAlways, total=False):
    node: str
    slot: str


class _FrameAlways(TypedDict):
    number: int
    position: int
    state: Literal["rendering", "stitching", "finishing", "delivering", "delivered", "canceled"]
    tasksLeft: int


class Frame(_FrameAlways, total=False):
    stitched: FrameStitched
    files: List[FrameFilesItem]


class FramePage(TypedDict):
    items: List[Frame]
    next: Optional[str]


class Health(TypedDict):
    status: Literal["ok"]


class _JobSceneAlways(TypedDict):
    sha256: str
    bytes: int
    kind: Literal["blend", "zip", "project"]


class JobScene(_JobSceneAlways, total=False):
    manifestBytes: int


class JobPlanAliasesItem(TypedDict):
    asked: str
    path: str


class _JobPlanBlenderAlways(TypedDict):
    savedBy: str
    why: str


class JobPlanBlender(_JobPlanBlenderAlways, total=False):
    version: str


class JobPlanRegion(TypedDict):
    x: int
    y: int
    width: int
    height: int


class JobPlanTiles(TypedDict):
    columns: int
    rows: int
    overscanPx: int


class JobPlanSamples(TypedDict):
    total: int
    ranges: int


class JobPlanMovieBitrates(TypedDict):
    average: int
    min: int
    max: int
    buffer: int


class JobPlanMovieRate(TypedDict):
    numerator: int
    denominator: int


class _JobPlanMovieAlways(TypedDict):
    container: Literal["mp4", "mov", "mkv", "webm", "avi", "ogg", "flv", "mpeg1", "mpeg2", "dv"]
    codec: Literal[
        "h264",
        "h265",
        "av1",
        "vp9",
        "prores",
        "ffv1",
        "qtrle",
        "png",
        "huffyuv",
        "dnxhd",
        "dv",
        "mpeg1",
        "mpeg2",
        "mpeg4",
        "flv1",
        "theora",
        "rawvideo",
        "mjpeg",
    ]
    alpha: bool
    depth: int
    preset: Literal["best", "good", "realtime"]
    rate: JobPlanMovieRate


class JobPlanMovie(_JobPlanMovieAlways, total=False):
    crf: int
    bitrates: JobPlanMovieBitrates
    gop: int
    bFrames: int
    proresProfile: int
    quality: int


class JobPlanSound(TypedDict):
    frame: int
    first: int
    last: int
    codec: Literal["aac", "ac3", "flac", "mp2", "mp3", "opus", "pcm", "vorbis"]
    kbits: int
    rate: int
    channels: int


class _JobPlanAlways(TypedDict):
    sceneName: str
    engine: str
    frames: str
    frameCount: int
    width: int
    height: int
    chunk: int
    renderTaskCount: int
    settings: RenderSettings
    format: Literal[
        "png",
        "jpeg",
        "exr",
        "exr-multilayer",
        "tiff",
        "webp",
        "targa",
        "targa-raw",
        "bmp",
        "iris",
        "hdr",
        "dpx",
        "cineon",
        "jp2",
        "j2k",
        "avif",
    ]
    video: Literal["mp4", "webm", "scene", "none"]
    fps: float
    auditRate: float
    notes: List[str]


class JobPlan(_JobPlanAlways, total=False):
    mainBlend: str
    blendName: str
    aliases: List[JobPlanAliasesItem]
    blender: JobPlanBlender
    asked: List[str]
    region: JobPlanRegion
    stereo: bool
    tiles: JobPlanTiles
    samples: JobPlanSamples
    ordered: Literal[True]
    insteadOf: str
    movie: JobPlanMovie
    sound: JobPlanSound
    allowMissingFiles: bool
    secondsPerTaskMin: float
    audio: Literal["scene", "none"]


class _JobFailureAlways(TypedDict):
    code: str
    message: str


class JobFailure(_JobFailureAlways, total=False):
    lastWords: str


class JobFilesItem(TypedDict):
    path: str
    bytes: int
    sha256: str
    contentType: str


class _JobAlways(TypedDict):
    id: str
    name: str
    owner: str
    state: Literal["inspecting", "planning", "active", "encoding", "completed", "failed", "canceled", "deleting"]
    scene: JobScene
    plan: JobPlan
    priority: int
    requirement: Requirement
    createdAt: int
    tasksPlanned: int
    files: List[JobFilesItem]
    counts: JobCounts
    progress: float
    secondsLeft: Optional[float]
    waiting: List[str]
    disputes: List[str]


class Job(_JobAlways, total=False):
    cap: int
    startedAt: int
    endedAt: int
    epochsBefore: int
    pausedAt: int
    revision: int
    failure: JobFailure


class JobChange(TypedDict, total=False):
    frames: str
    name: str
    priority: int
    cap: Optional[int]


class _JobCountsAlways(TypedDict):
    render: Dict[str, int]
    finish: Dict[str, int]
    audit: Dict[str, int]
    frames: Dict[str, int]
    verdicts: Dict[str, int]


class JobCounts(_JobCountsAlways, total=False):
    inspect: Dict[str, int]


class _JobEventAlways(TypedDict):
    seq: str
    at: int
    type: Literal[
        "job_submitted",
        "scene_inspected",
        "denoiser_wanted",
        "job_started",
        "attempt_failed",
        "lease_expired",
        "second_attempt",
        "result_rejected",
        "result_disputed",
        "result_refuted",
        "audit_settled",
        "audit_unread",
        "frames_delivered",
        "job_completed",
        "job_failed",
        "job_canceled",
        "job_paused",
        "job_resumed",
        "job_changed",
        "job_retried",
        "job_recovered",
    ]
    message: str


class JobEvent(_JobEventAlways, total=False):
    taskId: str
    workerId: str


class JobEventPage(TypedDict):
    items: List[JobEvent]
    next: Optional[str]


class JobPage(TypedDict):
    items: List[Job]
    next: Optional[str]


class JobRequestTiles(TypedDict):
    columns: int
    rows: int


class _JobRequestAlways(TypedDict):
    scene: str


class JobRequest(_JobRequestAlways, total=False):
    frames: str
    tiles: JobRequestTiles
    sampleRanges: int
    chunk: int
    settings: RenderSettings
    video: Literal["mp4", "webm", "scene", "none"]
    name: str
    priority: int
    cap: int
    auditRate: float
    requirement: Requirement
    allowMissingFiles: bool
    secondsPerTaskMin: float
    audio: Literal["scene", "none"]


class PauseRequest(TypedDict, total=False):
    now: bool


class PlanScene(TypedDict):
    sha256: str
    name: str


class PlanPlanAliasesItem(TypedDict):
    asked: str
    path: str


class _PlanPlanBlenderAlways(TypedDict):
    savedBy: str
    why: str


class PlanPlanBlender(_PlanPlanBlenderAlways, total=False):
    version: str


class PlanPlanRegion(TypedDict):
    x: int
    y: int
    width: int
    height: int


class PlanPlanTiles(TypedDict):
    columns: int
    rows: int
    overscanPx: int


class PlanPlanSamples(TypedDict):
    total: int
    ranges: int


class PlanPlanMovieBitrates(TypedDict):
    average: int
    min: int
    max: int
    buffer: int


class PlanPlanMovieRate(TypedDict):
    numerator: int
    denominator: int


class _PlanPlanMovieAlways(TypedDict):
    container: Literal["mp4", "mov", "mkv", "webm", "avi", "ogg", "flv", "mpeg1", "mpeg2", "dv"]
    codec: Literal[
        "h264",
        "h265",
        "av1",
        "vp9",
        "prores",
        "ffv1",
        "qtrle",
        "png",
        "huffyuv",
        "dnxhd",
        "dv",
        "mpeg1",
        "mpeg2",
        "mpeg4",
        "flv1",
        "theora",
        "rawvideo",
        "mjpeg",
    ]
    alpha: bool
    depth: int
    preset: Literal["best", "good", "realtime"]
    rate: PlanPlanMovieRate


class PlanPlanMovie(_PlanPlanMovieAlways, total=False):
    crf: int
    bitrates: PlanPlanMovieBitrates
    gop: int
    bFrames: int
    proresProfile: int
    quality: int


class PlanPlanSound(TypedDict):
    frame: int
    first: int
    last: int
    codec: Literal["aac", "ac3", "flac", "mp2", "mp3", "opus", "pcm", "vorbis"]
    kbits: int
    rate: int
    channels: int


class _PlanPlanAlways(TypedDict):
    sceneName: str
    engine: str
    frames: str
    frameCount: int
    width: int
    height: int
    chunk: int
    renderTaskCount: int
    settings: RenderSettings
    format: Literal[
        "png",
        "jpeg",
        "exr",
        "exr-multilayer",
        "tiff",
        "webp",
        "targa",
        "targa-raw",
        "bmp",
        "iris",
        "hdr",
        "dpx",
        "cineon",
        "jp2",
        "j2k",
        "avif",
    ]
    video: Literal["mp4", "webm", "scene", "none"]
    fps: float
    auditRate: float
    notes: List[str]


class PlanPlan(_PlanPlanAlways, total=False):
    mainBlend: str
    blendName: str
    aliases: List[PlanPlanAliasesItem]
    blender: PlanPlanBlender
    asked: List[str]
    region: PlanPlanRegion
    stereo: bool
    tiles: PlanPlanTiles
    samples: PlanPlanSamples
    ordered: Literal[True]
    insteadOf: str
    movie: PlanPlanMovie
    sound: PlanPlanSound
    allowMissingFiles: bool
    secondsPerTaskMin: float
    audio: Literal["scene", "none"]


class PlanRefusal(TypedDict):
    code: Literal[
        "bad_request",
        "unauthorized",
        "forbidden",
        "not_found",
        "conflict",
        "idempotency_mismatch",
        "too_large",
        "unsupported_media_type",
        "rate_limited",
        "upload_hash_mismatch",
        "upload_cut",
        "not_a_scene",
        "blend_invalid",
        "zip_invalid",
        "project_incomplete",
        "scene_unknown",
        "scene_missing_files",
        "scene_color_unknown",
        "scene_no_camera",
        "scene_not_in_file",
        "camera_unknown",
        "view_layer_unknown",
        "engine_unknown",
        "ocio_invalid",
        "blender_too_old",
        "frames_invalid",
        "frames_empty",
        "frames_too_many",
        "tiles_invalid",
        "tiles_not_exact",
        "samples_invalid",
        "samples_not_splittable",
        "frames_not_apart",
        "resolution_invalid",
        "format_invalid",
        "too_many_tasks",
        "files_too_many",
        "too_many_jobs",
        "poison_scene",
        "tries_exhausted",
        "result_disputed",
        "scene_not_repeatable",
        "comparison_failed",
        "assembly_failed",
        "encode_failed",
        "lease_stale",
        "lease_unknown",
        "bad_message",
        "protocol_version",
        "result_invalid",
        "upload_incomplete",
        "redis_unavailable",
        "farm_state_lost",
        "store_unavailable",
        "ffmpeg_missing",
        "internal",
    ]
    detail: str


class PlanTasks(TypedDict):
    inspect: int
    render: int
    finish: int
    audits: int
    rule: str


class PlanTilesItemPlacement(TypedDict):
    x: int
    y: int
    width: int
    height: int


class PlanTilesItemWindow(TypedDict):
    x: int
    y: int
    width: int
    height: int


class PlanTilesItem(TypedDict):
    placement: PlanTilesItemPlacement
    window: PlanTilesItemWindow


class PlanExactnessTiles(TypedDict):
    exact: bool
    overscanPx: int
    reasons: List[str]


class PlanExactnessSamples(TypedDict):
    splittable: bool
    reasons: List[str]


class PlanExactness(TypedDict):
    exact: bool
    why: List[str]
    tiles: PlanExactnessTiles
    samples: PlanExactnessSamples


class PlanInspected(TypedDict):
    by: str
    at: int
    blenderVersion: str


class PlanMissingFilesItem(TypedDict):
    path: str
    reason: str


class PlanEstimate(TypedDict):
    workerSeconds: float
    seconds: Optional[float]
    fromTasks: int
    fromJobs: int


class _PlanAlways(TypedDict):
    scene: PlanScene
    plan: PlanPlan
    tasks: PlanTasks
    tiles: List[PlanTilesItem]
    exactness: PlanExactness
    inspected: Optional[PlanInspected]
    missingFiles: List[PlanMissingFilesItem]
    estimate: Optional[PlanEstimate]


class Plan(_PlanAlways, total=False):
    refusal: PlanRefusal


class ProblemErrorsItem(TypedDict):
    path: str
    message: str


class _ProblemAlways(TypedDict):
    type: str
    title: str
    status: int
    code: Literal[
        "bad_request",
        "unauthorized",
        "forbidden",
        "not_found",
        "conflict",
        "idempotency_mismatch",
        "too_large",
        "unsupported_media_type",
        "rate_limited",
        "upload_hash_mismatch",
        "upload_cut",
        "not_a_scene",
        "blend_invalid",
        "zip_invalid",
        "project_incomplete",
        "scene_unknown",
        "scene_missing_files",
        "scene_color_unknown",
        "scene_no_camera",
        "scene_not_in_file",
        "camera_unknown",
        "view_layer_unknown",
        "engine_unknown",
        "ocio_invalid",
        "blender_too_old",
        "frames_invalid",
        "frames_empty",
        "frames_too_many",
        "tiles_invalid",
        "tiles_not_exact",
        "samples_invalid",
        "samples_not_splittable",
        "frames_not_apart",
        "resolution_invalid",
        "format_invalid",
        "too_many_tasks",
        "files_too_many",
        "too_many_jobs",
        "poison_scene",
        "tries_exhausted",
        "result_disputed",
        "scene_not_repeatable",
        "comparison_failed",
        "assembly_failed",
        "encode_failed",
        "lease_stale",
        "lease_unknown",
        "bad_message",
        "protocol_version",
        "result_invalid",
        "upload_incomplete",
        "redis_unavailable",
        "farm_state_lost",
        "store_unavailable",
        "ffmpeg_missing",
        "internal",
    ]
    detail: str


class Problem(_ProblemAlways, total=False):
    errors: List[ProblemErrorsItem]


class _ProjectFileAlways(TypedDict):
    path: str
    bytes: int
    sha256: str


class ProjectFile(_ProjectFileAlways, total=False):
    modified: int


class ProjectMissingMissingItem(TypedDict):
    sha256: str
    bytes: int


class ProjectMissing(TypedDict):
    sha256: str
    known: bool
    missing: List[ProjectMissingMissingItem]
    missingBytes: int


class _ProjectRequestAlways(TypedDict):
    main: str
    files: List[ProjectFile]


class ProjectRequest(_ProjectRequestAlways, total=False):
    name: str


class RenderSettingsResolution1(TypedDict):
    width: int
    height: int


class RenderSettingsResolution2(TypedDict):
    percentage: int


class _RenderSettingsFormatAlways(TypedDict):
    file: Literal[
        "png",
        "jpeg",
        "exr",
        "exr-multilayer",
        "tiff",
        "webp",
        "targa",
        "targa-raw",
        "bmp",
        "iris",
        "hdr",
        "dpx",
        "cineon",
        "jp2",
        "j2k",
        "avif",
    ]


class RenderSettingsFormat(_RenderSettingsFormatAlways, total=False):
    colorDepth: Literal["8", "10", "12", "16", "32"]
    quality: int


class RenderSettings(TypedDict, total=False):
    scene: str
    camera: str
    viewLayer: str
    engine: Literal["cycles", "eevee", "workbench"]
    ocio: str
    samples: int
    resolution: Union[RenderSettingsResolution1, RenderSettingsResolution2]
    format: RenderSettingsFormat


class Requirement(TypedDict, total=False):
    deviceKinds: List[Literal["CPU", "CUDA", "OPTIX", "HIP", "METAL", "ONEAPI"]]
    gpuMemoryBytesMin: int
    memoryBytesMin: int
    blenderVersionMin: str
    blenderVersionMax: str
    denoiser: Literal[True]
    tags: List[str]


class SceneProject(TypedDict):
    manifestBytes: int
    files: int


class SceneFactsVersion(TypedDict):
    major: int
    minor: int
    subversion: Optional[int]
    text: str


class _SceneFactsScenesItemOutputAlways(TypedDict):
    fileFormat: str
    colorDepth: Optional[Union[Literal[1], Literal[8], Literal[10], Literal[12], Literal[16], Literal[24], Literal[32]]]
    colorMode: Optional[Literal["BW", "RGB", "RGBA"]]
    path: str
    quality: int


class SceneFactsScenesItemOutput(_SceneFactsScenesItemOutputAlways, total=False):
    jpeg2000Codec: Literal["JP2", "J2K"]


class SceneFactsScenesItemColor(TypedDict):
    display: str
    view: str
    look: str


class SceneFactsScenesItemBorder(TypedDict):
    used: bool
    crop: bool
    xMin: float
    xMax: float
    yMin: float
    yMax: float


class SceneFactsScenesItemCycles(TypedDict, total=False):
    samples: int
    useAdaptiveSampling: bool
    adaptiveThreshold: float
    useDenoising: bool
    seed: int
    useAnimatedSeed: bool


class _SceneFactsScenesItemAlways(TypedDict):
    name: str
    frameStart: int
    frameEnd: int
    frameStep: int
    fps: float
    resolutionX: int
    resolutionY: int
    resolutionPercentage: int
    engine: str
    output: SceneFactsScenesItemOutput
    hasCamera: bool
    useCompositing: bool
    hasNodeTree: bool
    useSequencer: bool
    hasSequencerStrips: bool
    border: SceneFactsScenesItemBorder
    cycles: SceneFactsScenesItemCycles
    eeveeSamples: Optional[int]


class SceneFactsScenesItem(_SceneFactsScenesItemAlways, total=False):
    color: SceneFactsScenesItemColor


class SceneFactsExternalFilesItem(TypedDict):
    kind: Literal["library", "image", "sound", "movieclip", "movie", "font", "cache", "volume"]
    path: str
    span: Literal["file", "sequence", "tiles"]
    packed: bool
    datablock: str


class SceneFacts(TypedDict):
    version: SceneFactsVersion
    compression: Literal["none", "gzip", "zstd"]
    scenes: List[SceneFactsScenesItem]
    activeScene: str
    externalFiles: List[SceneFactsExternalFilesItem]


class SceneMissingFilesItem(TypedDict):
    path: str
    reason: str


class SceneAliasesItem(TypedDict):
    asked: str
    path: str


class _SceneAlways(TypedDict):
    sha256: str
    kind: Literal["blend", "zip", "project"]
    bytes: int
    name: str
    facts: SceneFacts
    missingFiles: List[SceneMissingFilesItem]
    uploadedAt: int


class Scene(_SceneAlways, total=False):
    project: SceneProject
    mainBlend: str
    aliases: List[SceneAliasesItem]
    inspections: List[SceneInspection]


class SceneInspectionImageRegion(TypedDict):
    x: int
    y: int
    width: int
    height: int


class SceneInspectionImage(TypedDict):
    width: int
    height: int
    region: SceneInspectionImageRegion
    cropsToBorder: bool


class SceneInspectionMovieBitrates(TypedDict):
    average: int
    min: int
    max: int
    buffer: int


class SceneInspectionMovieRate(TypedDict):
    numerator: int
    denominator: int


class SceneInspectionMovieAudio(TypedDict):
    codec: str
    kbits: int
    rate: int
    channels: str


class _SceneInspectionMovieAlways(TypedDict):
    container: str
    codec: str
    colorMode: Literal["BW", "RGB", "RGBA"]
    colorDepth: int
    crf: Optional[int]
    bitrates: SceneInspectionMovieBitrates
    preset: str
    gop: int
    bFrames: Optional[int]
    quality: int
    rate: SceneInspectionMovieRate
    audio: SceneInspectionMovieAudio
    hasSound: bool


class SceneInspectionMovie(_SceneInspectionMovieAlways, total=False):
    proresProfile: str


class SceneInspectionTiling(TypedDict):
    exact: bool
    overscanPx: int
    reasons: List[str]


class _SceneInspectionSampleRangesAlways(TypedDict):
    samples: Optional[int]
    reasons: List[str]


class SceneInspectionSampleRanges(_SceneInspectionSampleRangesAlways, total=False):
    samplesMax: int


class SceneInspectionHistoryItem(TypedDict):
    object: str
    kind: str


class SceneInspectionLeftOutItem(TypedDict):
    object: str
    kind: str


class _SceneInspectionMissingFilesItemAlways(TypedDict):
    kind: str
    path: str


class SceneInspectionMissingFilesItem(_SceneInspectionMissingFilesItemAlways, total=False):
    effect: Literal["picture", "sound", "nothing"]
    usedBy: str
    users: int
    count: int
    tiles: str
    frames: str


class _SceneInspectionUnknownColorsItemAlways(TypedDict):
    what: Literal["view", "look", "display", "color space"]


class SceneInspectionUnknownColorsItem(_SceneInspectionUnknownColorsItemAlways, total=False):
    name: str
    usedBy: str


class SceneInspectionUnknownTemplatesItem(TypedDict):
    node: str
    path: str


class _SceneInspectionAlways(TypedDict):
    scene: str
    blenderVersion: str
    engine: str
    image: SceneInspectionImage
    hasCamera: bool
    tiling: SceneInspectionTiling
    history: List[SceneInspectionHistoryItem]
    missingFiles: List[SceneInspectionMissingFilesItem]
    fileOutputs: List[str]
    blockedScripts: List[str]
    denoising: bool
    stereo: bool
    motionBlur: bool
    burnsStamp: bool
    timeLimitSeconds: float
    cut: bool
    inspectedBy: str
    inspectedAt: int


class SceneInspection(_SceneInspectionAlways, total=False):
    movie: SceneInspectionMovie
    cameras: List[str]
    viewLayers: List[str]
    sampleRanges: SceneInspectionSampleRanges
    leftOut: List[SceneInspectionLeftOutItem]
    missingForPicture: int
    framesLooked: str
    unknownColors: List[SceneInspectionUnknownColorsItem]
    extraFiles: int
    unknownTemplates: List[SceneInspectionUnknownTemplatesItem]
    denoiser: Literal["unneeded", "here", "missing"]
    gpuCompositor: bool


class ScenePage(TypedDict):
    items: List[Scene]
    next: Optional[str]


class StoredFiles(TypedDict):
    files: int
    known: int
    bytes: int


class TaskCanonical(TypedDict):
    taskId: str
    epoch: int


class TaskOutgrew(TypedDict, total=False):
    memoryBytes: int
    gpuMemoryBytes: int


class _TaskAlways(TypedDict):
    id: str
    kind: Literal["inspect", "render", "finish", "audit"]
    state: Literal["queued", "leased", "delivering", "verifying", "completed", "failed", "canceled"]
    frames: List[int]
    epoch: int
    attempts: List[Attempt]
    verdict: Literal["unverified", "agreed", "grey", "refuted"]
    avoid: List[str]


class Task(_TaskAlways, total=False):
    tile: int
    sampleRange: int
    canonical: TaskCanonical
    notBefore: int
    outgrew: TaskOutgrew
    only: str
    audits: str
    auditRounds: int
    triesFrom: int
    auditsFrom: int
    note: str


class TaskPage(TypedDict):
    items: List[Task]
    next: Optional[str]


class _WorkerRenderingItemAlways(TypedDict):
    jobId: str
    taskId: str
    frame: int
    samplesDone: int
    samplesTotal: int


class WorkerRenderingItem(_WorkerRenderingItemAlways, total=False):
    secondsLeft: float


class WorkerCoolsDownFromItem(TypedDict):
    scene: str
    until: int


class _WorkerAlways(TypedDict):
    id: str
    name: str
    owner: str
    agentVersion: str
    capabilities: Capabilities
    state: Literal["connected", "draining", "offline"]
    leases: int
    tasksCompleted: int
    tasksFailed: int
    tasksRefuted: int
    quarantined: bool
    connectedAt: int
    lastSeenAt: int


class Worker(_WorkerAlways, total=False):
    anchor: bool
    rendering: List[WorkerRenderingItem]
    coolsDownUntil: int
    coolsDownFrom: List[WorkerCoolsDownFromItem]


class WorkerPage(TypedDict):
    items: List[Worker]
    next: Optional[str]
