// SPDX-License-Identifier: Apache-2.0

package openssl

import "runtime"

// steps has a place for each handshake that libssl computes on. A step takes
// as long as an RSA signature: more at a time than there are processors would
// only make the runtime start a thread, and libc an arena, for each.
var steps = make(chan struct{}, runtime.GOMAXPROCS(0))

// records has a place for each of the other calls of libssl, for the same reason.
// They are short, and must not queue behind handshakes.
var records = make(chan struct{}, runtime.GOMAXPROCS(0))

// elsewhere bounds the steps of one end whose key signs elsewhere: it may wait
// instead of computing, but holds a thread, and the runtime ends a process that
// has 10,000.
const elsewhere = 256
