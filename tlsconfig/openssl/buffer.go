// SPDX-License-Identifier: Apache-2.0

package openssl

import "sync"

// maxChunk is how much is encrypted at a time: four records, one write to the
// network.
const maxChunk = 64 << 10

// buffers hold what is on its way between libssl and the network.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, maxChunk+4<<10)
	return &b
}}

func getBuffer() *[]byte {
	b := buffers.Get().(*[]byte)
	*b = (*b)[:cap(*b)]
	return b
}

func putBuffer(b *[]byte) { buffers.Put(b) }
