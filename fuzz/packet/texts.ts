// Strings for packets, as bytes: those that are accepted, and those at the borders of what is refused.

const GOOD = [
  '',
  'a',
  'pond/depth',
  'größe/µ',
  '池/鷹',
  '\u{1d11e}',
  '\ufeffbom',
  '/',
  '//',
  'a//b',
  '$SYS/x',
  '$share/g/a',
  '\u07ff\u0800\uffef\u{10000}\u{10fffd}',
  '\u00a0\u00a1',
  '\ud7ff\ue000',
  'x'.repeat(127),
  'x'.repeat(128),
  'ü'.repeat(70),
  'pond/'.repeat(60),
]

const WILD = ['#', '+', 'a/+/b', 'a/#', 'a+', '#/a', 'ü/#']

/** Hexadecimal: overlong forms, surrogates, numbers that are too large, parts, control characters and non-characters. */
const BAD = [
  'c080',
  'c1bf',
  'e08080',
  'e09fbf',
  'eda080',
  'edbfbf',
  'f0808080',
  'f08fbfbf',
  'f4908080',
  'f5808080',
  'f888808080',
  'ff',
  'fe',
  '80',
  'bf',
  'c3',
  'e282',
  'f09d84',
  'c328',
  'e28228',
  '00',
  '6100',
  '01',
  '1f',
  '7f',
  'c280',
  'c29f',
  'efb790',
  'efb7af',
  'efbfbe',
  'efbfbf',
  'f09fbfbe',
  'f48fbfbf',
  'f09fbfbf',
]

export const GOOD_TEXTS: readonly Buffer[] = GOOD.map(text => Buffer.from(text))
export const WILD_TEXTS: readonly Buffer[] = WILD.map(text => Buffer.from(text))
export const BAD_TEXTS: readonly Buffer[] = BAD.flatMap(hex => [
  Buffer.from(hex, 'hex'),
  Buffer.concat([Buffer.from('ab'), Buffer.from(hex, 'hex'), Buffer.from('c')]),
])
