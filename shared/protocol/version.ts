/**
 * Of the whole program; told by `GET /v1`, by workers in hello, and by `tilework --version`. A test holds it equal to
 * package.json.
 */
export const VERSION = '0.1.0'
