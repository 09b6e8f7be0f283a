// SPDX-License-Identifier: Apache-2.0

package terminator

// For tests.
var WritePEM = writePEM

const BatchOctets = batchOctets
