// SPDX-License-Identifier: Apache-2.0

// Package nrlsecurity is the map of a library that guards systems connected to
// the NHS National Record Locator (NRL) and the Spine. It holds no code; import
// the packages that a system's role needs. The examples below are the guides: one
// for each role, each a program that runs.
//
// A consumer, which searches pointers and retrieves records:
//
//   - [tlsconfig.Endpoint] builds its client's [crypto/tls.Config] and verifies the
//     server;
//   - [asid.Transport] adds the ASIDs, the interaction and the bearer token.
//
// A provider, which only the Spine Secure Proxy (SSP) may call:
//
//   - [tlsconfig.Endpoint] builds its server's config and verifies the SSP's
//     certificate;
//   - [asid.Gate] checks what the SSP's headers claim.
//
// An NRL-like server, which holds pointers:
//
//   - [tlsconfig.Endpoint] as above;
//   - [asid.Authorizer]: may this system perform this interaction, and is the
//     certificate its own;
//   - [pointer.Guard]: is the pointer that it wants to change its own.
//
// All of them ask [revocation] whether a certificate is still good. Who must meet
// peers that offer none of the three suites of crypto/tls imports
// [tlsconfig/openssl] beside tlsconfig; who ends TLS in a proxy has
// [tlsconfig/terminator] and [tlsconfig/front]; [asid/sds] asks the Spine Directory
// Service who may do what.
//
// Tests run on [tlsconfig/spinetest], a Spine in memory, and on
// [revocation/revocationtest], [asid/asidtest] and [pointer/pointertest];
// [testdata] has cases with their verdicts, for other languages too.
//
// [tlsconfig.Endpoint]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/tlsconfig#Endpoint
// [asid.Transport]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/asid#Transport
// [asid.Gate]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/asid#Gate
// [asid.Authorizer]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/asid#Authorizer
// [pointer.Guard]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/pointer#Guard
// [revocation]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/revocation
// [tlsconfig/openssl]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl
// [tlsconfig/terminator]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator
// [tlsconfig/front]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/tlsconfig/front
// [asid/sds]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/asid/sds
// [tlsconfig/spinetest]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest
// [revocation/revocationtest]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/revocation/revocationtest
// [asid/asidtest]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/asid/asidtest
// [pointer/pointertest]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/pointer/pointertest
// [testdata]: https://pkg.go.dev/github.com/nrlsecurity/nrlsecurity/testdata
package nrlsecurity
