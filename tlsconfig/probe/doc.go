// SPDX-License-Identifier: Apache-2.0

// Package probe finds out by handshakes what a server or a client really does,
// and compares it with the security guidance of the NRL: versions, suites and
// their order, what is asked of clients, which bad certificates get in, the
// server's own certificate. tlsconfig.Audit reads a config; a probe judges
// what is on the wire alone.
//
//	prober := &probe.Prober{Certificate: &cert, Verifier: &tlsconfig.Verifier{Pins: pins, Revocation: checker}}
//	report, err := prober.Server(ctx, "provider.nhs.uk:443")
//	...
//	report.WriteText(os.Stdout, 100)
//
// Only what the server itself refuses counts as refused. A connection that is closed
// without an alert is a refusal while the server answers what it answered before; one that
// ends after the ServerHello is none. Where several servers have one name or stand behind
// one balancer, each connection is answered by any of them: probe each by its own address,
// with ServerName.
//
// What was not given, such as a client certificate, is reported as not asked and
// does not count against the server. The report's verdict is Conformant,
// Departure or Undecided.
package probe
