// SPDX-License-Identifier: Apache-2.0

// Package asidtest helps to test what is built on package asid: [NewRequest] and
// [NewSSPRequest] make requests as asid's middleware sees them, without a
// network, [NewSSP] starts a Secure Proxy between consumers and providers of a
// [spinetest.PKI], and [TestRegistry] checks a registry of one's own.
package asidtest
