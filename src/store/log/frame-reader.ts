// Reads single frames of segments and verifies them.

import { commitOf, FRAME_HEADER_BYTES, type FrameMark, lengthAt } from './frame.ts'
import { bytesAt, type OpenSegment, segmentName, WINDOW_BYTES } from './segment-file.ts'
import { StoreDamaged } from './store-damaged.ts'

/** A part of a segment in memory, with the frames whose checksums were verified. */
interface Block {
  readonly mark: FrameMark
  readonly start: number
  readonly bytes: Buffer
  readonly right: Set<number>
}

const BLOCKS_MAX = 16

/**
 * Reads single frames of segments and verifies them. Neighbouring frames need one read, which queues that were filled
 * together share.
 */
export class FrameReader {
  readonly #open: (segment: number) => OpenSegment
  #blocks: Block[] = []

  constructor(open: (segment: number) => OpenSegment) {
    this.#open = open
  }

  /** Returns the payload of a frame that ends at `end` at the latest. The memory is not reused. Throws StoreDamaged. */
  payload(segment: number, frame: number, end: number): Buffer {
    const block = this.#known(segment, frame) ?? this.#read(segment, frame, end)
    const place = frame - block.start
    if (!block.right.has(frame)) {
      if (commitOf(block.bytes, place, block.bytes.length, block.mark) === null) {
        throw damagedFrame(segment, frame)
      }
      block.right.add(frame)
    }
    const start = place + FRAME_HEADER_BYTES
    return block.bytes.subarray(start, start + lengthAt(block.bytes, place))
  }

  /** Discards the bytes in memory, because the files have changed. */
  forget(): void {
    this.#blocks = []
  }

  #known(segment: number, frame: number): Block | undefined {
    return this.#blocks.find(
      block => block.mark.segment === segment && holdsFrame(block.bytes, frame - block.start),
    )
  }

  #read(segment: number, frame: number, end: number): Block {
    const { file, mark } = this.#open(segment)
    // Bytes behind the end will be overwritten.
    let bytes = bytesAt(file, frame, Math.min(WINDOW_BYTES, end - frame))
    if (bytes.length < FRAME_HEADER_BYTES) throw damagedFrame(segment, frame)
    if (!holdsFrame(bytes, 0)) {
      const length = FRAME_HEADER_BYTES + lengthAt(bytes, 0)
      if (frame + length > file.size()) throw damagedFrame(segment, frame)
      bytes = bytesAt(file, frame, length)
    }
    const block = { mark, start: frame, bytes, right: new Set<number>() }
    if (this.#blocks.length === BLOCKS_MAX) this.#blocks.pop()
    this.#blocks.unshift(block)
    return block
  }
}

function holdsFrame(bytes: Buffer, place: number): boolean {
  if (place < 0 || place + FRAME_HEADER_BYTES > bytes.length) return false
  return place + FRAME_HEADER_BYTES + lengthAt(bytes, place) <= bytes.length
}

function damagedFrame(segment: number, frame: number): StoreDamaged {
  return new StoreDamaged(segmentName(segment), frame, 'a frame that is needed is not right')
}
