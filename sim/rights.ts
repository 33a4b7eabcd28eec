// What clients may not do in a simulated world: publish here, subscribe there.

export const FORBIDDEN_PREFIX = 'forbidden/'
export const UNGRANTED_PREFIX = 'private/'
