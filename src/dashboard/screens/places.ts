// Where clients reach this broker: the host of the page, and the ports of its listeners.

import { computed, signal } from '@preact/signals'

export interface Place {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

/** Ports of the listeners, once they are known. */
const listeners = signal<
  readonly { readonly protocol: string; readonly port: number; readonly tls: boolean }[]
>([])

export const mqttPlace = computed<Place>(() => {
  const mqtt = listeners.value.find(({ protocol }) => protocol === 'mqtt')
  return { host: location.hostname, port: mqtt?.port ?? 1883, isTls: mqtt?.tls ?? false }
})
