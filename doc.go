// SPDX-License-Identifier: Apache-2.0

// Package nrlsecurity is the map of a library that guards systems connected to
// the NHS National Record Locator (NRL) and the Spine. It holds no code; import
// the packages that a system's role needs.
//
// A consumer, which searches pointers and retrieves records:
//
//   - tlsconfig builds its client's [crypto/tls.Config] and verifies the server;
//   - asid.Transport adds the ASIDs, the interaction and the bearer token.
//
// A provider, which only the Spine Secure Proxy (SSP) may call:
//
//   - tlsconfig builds its server's config and verifies the SSP's certificate;
//   - asid.Gate checks what the SSP's headers claim.
//
// An NRL-like server, which holds pointers:
//
//   - tlsconfig as above;
//   - asid.Authorizer: may this system perform this interaction, and is the
//     certificate its own;
//   - pointer.Guard: is the pointer that it wants to change its own.
//
// All of them ask revocation whether a certificate is still good. Who must meet
// peers that offer none of the three suites of crypto/tls imports
// tlsconfig/openssl beside tlsconfig.
//
// Tests run on tlsconfig/spinetest, a Spine in memory, and on
// revocation/revocationtest, asid/asidtest and pointer/pointertest.
package nrlsecurity
