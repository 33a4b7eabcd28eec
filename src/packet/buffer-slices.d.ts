// Methods of Node's Buffer that its types leave out. They are faster because they need no look-up of the encoding by name.

interface Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length: number): number
  utf8Write(text: string, offset: number, length: number): number
}
