// SPDX-License-Identifier: Apache-2.0

// Package terminator renders the guidance's TLS profile as configuration for
// those whose TLS ends before their own program: in nginx, HAProxy, Apache
// httpd, Envoy, stunnel, or in a Java virtual machine. The suites and their
// order come from package tlsconfig, so that both cannot drift apart.
//
// A program that ends TLS itself is better served by tlsconfig or
// tlsconfig/openssl: no proxy does all that the guidance asks for.
//
//   - A proxy trusts every CA that chains to the pinned root. That only the
//     pinned SubCAs may issue is enforced by the CRLs, which must be there for
//     every issuer: the file must hold those of the pinned CAs and no other's.
//     nginx, HAProxy and Apache are told the SubCAs' names as well.
//   - nginx, HAProxy and Apache compare the common name alone and accept no
//     certificate that has several. Where certificates have a subjectAltName, it
//     decides instead of the common name, and these three cannot tell. stunnel and
//     Envoy compare the subjectAltName; Envoy cannot accept a certificate without
//     one. So all but stunnel hand the certificate on, with the protocol and the
//     suite, to package tlsconfig/front in the program behind, which judges each
//     request by all rules; with Params.FQDNs empty the name is left to it alone.
//     What the client put into these headers itself never arrives there.
//   - The program behind knows the proxy by Params.Secret, which the rendered file
//     holds, or by a unix socket that only the proxy's user opens.
//   - A proxy reads its CRLs when it starts: the program that renews them reloads it, and
//     once they have expired everyone is refused. Partitioned CRLs must all be in
//     the file. OpenSSL, on which nginx, HAProxy, Apache and stunnel rest, holds
//     the root too against the root's CRL: if that has a distribution point which
//     the root's certificate does not name, everyone is refused.
//   - stunnel accepts a wildcard that covers the name, any of several common names, a
//     leaf that the root itself issued, one without keyUsage and one that is a CA, and
//     nothing behind it can tell. None of the four accepts or refuses a leaf by its extKeyUsage as
//     strictly as tlsconfig does: one without the extension passes.
//   - nginx completes the handshake with a client that it refuses and answers its
//     request with status 400 or 403.
//   - Envoy's library has three of the eight suites.
package terminator
