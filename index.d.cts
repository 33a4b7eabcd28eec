// The types for programs that use require(). Compilers before TypeScript 5.8 let such a program have the types of a
// module only when it is said how they are found, and its values one by one.

type Pondhawk = typeof import('./dist/src/index.js', { with: { 'resolution-mode': 'import' } })

export type * from './dist/src/index.js' with { 'resolution-mode': 'import' }

export declare const createBroker: Pondhawk['createBroker']
export declare const UNRESTRICTED: Pondhawk['UNRESTRICTED']
export declare const EmbeddedBroker: Pondhawk['EmbeddedBroker']
// Its constructor is private.
export type EmbeddedBroker = Pondhawk['EmbeddedBroker']['prototype']
export declare const MemoryStore: Pondhawk['MemoryStore']
export type MemoryStore = InstanceType<Pondhawk['MemoryStore']>
export declare const ConfigError: Pondhawk['ConfigError']
export type ConfigError = InstanceType<Pondhawk['ConfigError']>
export declare const StartError: Pondhawk['StartError']
export type StartError = InstanceType<Pondhawk['StartError']>
export declare const PluginError: Pondhawk['PluginError']
export type PluginError = InstanceType<Pondhawk['PluginError']>
export declare const ClientRefused: Pondhawk['ClientRefused']
export type ClientRefused = InstanceType<Pondhawk['ClientRefused']>
