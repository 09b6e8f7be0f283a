// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package regular

// nonBlock is for FIFOs, which have no names in folders here.
const nonBlock = 0
