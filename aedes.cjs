// For programs that use require('pondhawk/aedes'): the function of aedes 0.x, with the classes as its members.
'use strict'
const { default: aedes, ...members } = require('./dist/src/aedes/aedes.js')
module.exports = Object.assign(aedes, members, { default: aedes })
