// One HTTP request with bounds: its time in all, and the bytes of its answer. Redirects are not followed.

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Its message says what failed, without anything that was sent. */
export class HttpFailure extends Error {}

interface HttpBounds {
  readonly connectionsMax: number
  readonly timeoutMs: number
  readonly answerBytesMax: number
}

interface HttpMessage {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
}

/** A service at one URL. */
export class HttpService {
  readonly #url: URL
  readonly #agent: HttpAgent | HttpsAgent
  readonly #bounds: HttpBounds

  /** `ca` is the authority that the service is verified with; undefined for those of Node. */
  constructor(url: string, ca: Buffer | undefined, bounds: HttpBounds) {
    this.#url = new URL(url)
    this.#bounds = bounds
    const options = { keepAlive: true, maxSockets: bounds.connectionsMax, maxFreeSockets: 2 }
    this.#agent =
      this.#url.protocol === 'https:'
        ? new HttpsAgent({ ...options, ...(ca !== undefined && { ca }) })
        : new HttpAgent(options)
  }

  /** Rejects with HttpFailure. */
  async ask({ method, headers, body }: HttpMessage): Promise<HttpAnswer> {
    const signal = AbortSignal.timeout(this.#bounds.timeoutMs)
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp
        const request = send(this.#url, { method, headers, agent: this.#agent, signal }, resolve)
        request.on('error', reject)
        request.end(body)
      })
      return { status: response.statusCode ?? 0, body: await this.#bodyOf(response) }
    } catch (error) {
      if (error instanceof HttpFailure) throw error
      if (signal.aborted) throw new HttpFailure(`no answer in ${this.#bounds.timeoutMs} ms`)
      const { code } = error as NodeJS.ErrnoException
      throw new HttpFailure(code ?? 'the connection broke', { cause: error })
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #bodyOf(response: IncomingMessage): Promise<Buffer> {
    const { answerBytesMax } = this.#bounds
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      // Leaving the loop destroys the response and its socket.
      if (bytes > answerBytesMax) throw new HttpFailure(`an answer of over ${answerBytesMax} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }
}
