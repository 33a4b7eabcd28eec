// Methods that every Node has and its types leave out: they save the look-up of an encoding by name.

interface Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length: number): number
  utf8Write(text: string, offset: number, length: number): number
}
