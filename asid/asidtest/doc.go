// SPDX-License-Identifier: Apache-2.0

// Package asidtest helps to test what is built on package asid: [NewRequest] and
// [NewSSPRequest] make requests as asid's middleware sees them, without a
// network, and [NewSSP] starts a Secure Proxy between consumers and providers of a
// [spinetest.PKI].
//
// [TestAuthorizer] and [TestGate] put a server's own handler to the test, with
// some 230 requests of the corpus: a rule that it lacks is found. [TestRegistry]
// checks a registry of one's own, [TestPeerSource] a peer source.
package asidtest
