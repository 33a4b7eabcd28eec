// The topics that clients of a simulated world may not publish or subscribe to.

export const FORBIDDEN_PREFIX = 'forbidden/'
export const UNGRANTED_PREFIX = 'private/'
