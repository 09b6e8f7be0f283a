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
//   - A proxy reads its CRLs when it starts or is told to, and once they have expired
//     everyone is refused: a Keeper renews the file. Partitioned CRLs must all be in it.
//     OpenSSL, as nginx, HAProxy and Apache use it, holds the root too
//     against the root's CRL: if that has a distribution point which the root's
//     certificate does not name, everyone is refused. Params.LeafCRLs and
//     Params.AllowNoCRLs are the ways out.
//   - stunnel accepts a wildcard that covers the name, any of several common names, a
//     leaf without keyUsage, one that is a CA, and one whose SubCA the root has
//     revoked, for it looks at no list but that of the leaf's issuer; nothing behind it can
//     tell. It accepts a leaf that the root itself issued, too, unless its CA file holds the
//     pinned SubCAs alone, each as "openssl x509 -addtrust clientAuth -trustout" writes it
//     and, behind those, as it is. None of the four accepts or refuses a leaf by its extKeyUsage as
//     strictly as tlsconfig does: one without the extension passes.
//   - nginx completes the handshake with a client that it refuses and answers its
//     request with status 400 or 403.
//   - Envoy's library has three of the eight suites.
//
// # Keeping the CRLs current
//
// A Keeper writes the CRL file from the verified lists of a revocation.CRLs whenever
// they change, one current list for each pinned CA and scope, and tells the program:
//
//	crls := &revocation.CRLs{Fetcher: new(revocation.HTTPFetcher), Cache: revocation.DirCache("/var/cache/crls"), URLs: urls}
//	keeper := &terminator.Keeper{
//		CRLs: crls, Pins: pins, Program: terminator.Nginx, File: "/etc/nginx/crls/spine.pem", Logger: logger,
//		Reload: terminator.Command([]string{"nginx", "-t"}, []string{"nginx", "-s", "reload"}),
//	}
//	go crls.Run(ctx)
//	err := keeper.Run(ctx)
//
// Command is for nginx, Apache and stunnel, StatsSocket for HAProxy, which needs no reload.
// Envoy watches the file; its configuration and file are tested against its protobuf
// definitions, but no test runs Envoy. For Apache, too, it is the one file of Render: a directory of
// hashed names (SSLCARevocationPath) is not written, and refused as File. The Keeper need
// not be the user that may reload: without a Reload, another unit can watch the file. A
// command that succeeds is no proof that the program goes by the file; what proves it is
// that a handshake of a good peer still succeeds.
//
// In an outage the file stays as it is, and State and the log tell of each list that runs
// out 30, 7 and 1 days before, or when a quarter, an eighth and a sixteenth of its life are
// left, if that is later. Then its certificates are refused, also if the Keeper was
// stopped: a list without nextUpdate, by which a program would go for ever, is not written.
//
// A revocation reaches new connections when the CA has published it, at the latest
// CRLs.Refresh later, and then
//
//	HAProxy, by its stats socket    1.1 s
//	HAProxy, reloaded               1.3 to 2.5 s
//	nginx                           1.2 to 1.6 s: old workers accept until they are told
//	Apache                          1.2 s
//	stunnel                         1.2 s
//
// of which 1 s is for lists that come together; 5 s at most. These were measured on a busy
// machine of two cores with Debian 12's versions. A mirror on the way adds its own Refresh.
// During 50 reloads of each no request was lost. stunnel has to be started with its listening
// socket for that, as by a socket unit of systemd: one that it opens itself it closes for a
// moment in each reload, and refuses connections meanwhile.
//
// Connections that are open outlive a reload of each of these. The rendered files give
// out no session to resume, and bound how long old workers and idle connections last;
// nginx has worker_shutdown_timeout in its main context. Behind stunnel an open connection
// is served until it is idle for 30 s; to end all, restart it. Behind the others
// tlsconfig/front refuses every further request at once.
//
// No proxy reads a delta CRL: OpenSSL would take it for a complete list, so the Keeper
// writes none and removes one that it finds. Where a CA issues deltas, State says by how
// much the proxy lags and which serial numbers it accepts meanwhile (Lag), and likewise
// those that it accepts because of several lists about one certificate it reads the latest
// alone (Gap). The front refuses them. Lists of pinned CAs that share a name have to bear
// an authorityKeyIdentifier: else OpenSSL refuses the peers of one, which State says.
package terminator
