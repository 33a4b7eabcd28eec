// The types for programs that use require(): see index.d.cts.

type Module = typeof import('./dist/src/aedes/aedes.js', { with: { 'resolution-mode': 'import' } })

export type * from './dist/src/aedes/aedes.js' with { 'resolution-mode': 'import' }

export declare const Aedes: Module['Aedes']
export type Aedes = InstanceType<Module['Aedes']>
export declare const AedesClient: Module['AedesClient']
export type AedesClient = InstanceType<Module['AedesClient']>
export declare const Server: Module['Server']
export type Server = InstanceType<Module['Server']>
declare const aedes: Module['default']
export default aedes
