// For programs that use require(): Node 20.19 and newer hand them the module itself.
'use strict'
module.exports = require('./dist/src/index.js')
