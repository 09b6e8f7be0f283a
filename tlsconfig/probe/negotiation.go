// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

const remedyVersion = "allow TLS 1.2 and no other version"

// helloOf returns a hello of one version alone.
func helloOf(version uint16) hello {
	if version == tls.VersionTLS13 {
		return hello{version: version, supported: []uint16{version}, suites: suites13, groups: groups13}
	}
	return hello{version: version, suites: append(suiteIDs(tlsconfig.Suites()), commonSuites...)}
}

// beginning finds a hello that the server answers, to know later whether it still
// answers at all.
func (q *questions) beginning(ctx context.Context) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if _, err := q.ask(ctx, helloOf(version)); err == nil {
			return
		}
	}
}

// askVersion asks for a version alone. A server that refuses the usual suites may take
// others, unless its alert is about the version.
func (q *questions) askVersion(ctx context.Context, version uint16) (*flight, error) {
	f, err := q.ask(ctx, helloOf(version))
	if version >= tls.VersionTLS12 || err == nil || !refused(err) || errors.Is(err, alert(protocolVersion)) {
		return f, err
	}
	for suites := range slices.Chunk(foreign, maxOffer) {
		if f, err = q.ask(ctx, hello{version: version, suites: suites}); err == nil || !refused(err) {
			break
		}
	}
	return f, err
}

// versions asks for each version alone.
func (q *questions) versions(ctx context.Context) {
	q.progress("SSLv2")
	switch err := q.unlessSilenced(ctx, q.askSSLv2(ctx)); {
	case err == nil:
		q.report.add(clauseProtocol, "SSLv2", Departure, remedyVersion, "the server answers a hello of SSL version 2")
	case refused(err) || errors.Is(err, errNotSSLv2):
		q.report.add(clauseProtocol, "SSLv2", Conformant, "", "refused: %v", err)
	default:
		q.report.add(clauseProtocol, "SSLv2", Undecided, "", "%v", err)
	}
	for _, v := range []struct {
		name    string
		version uint16
		want    bool
	}{
		{"SSLv3", versionSSL30, false}, {"TLS 1.0", tls.VersionTLS10, false}, {"TLS 1.1", tls.VersionTLS11, false},
		{"TLS 1.2", tls.VersionTLS12, true}, {"TLS 1.3", tls.VersionTLS13, false},
	} {
		q.progress("%s", v.name)
		f, err := q.askVersion(ctx, v.version)
		switch {
		case err == nil && f.version == v.version && v.want:
			q.seen = f
			q.report.add(clauseProtocol, v.name, Conformant, "", "negotiated")
		case err == nil && f.version == v.version:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "negotiated, with suite %s", suiteName(f.suite))
		case err == nil && v.want:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "the server answers with %s", tls.VersionName(f.version))
		case err == nil: // another version than was offered: no client would go on
			q.report.add(clauseProtocol, v.name, Conformant, "", "not negotiated: the server answers with %s", tls.VersionName(f.version))
		case refused(err) && v.want:
			q.report.add(clauseProtocol, v.name, Departure, remedyVersion, "refused: %v", err)
		case refused(err):
			q.report.add(clauseProtocol, v.name, Conformant, "", "refused: %v", err)
		default:
			q.report.add(clauseProtocol, v.name, Undecided, "", "%v", err)
		}
	}
}

// suites asks for each suite of the guidance alone.
func (q *questions) suites(ctx context.Context) {
	for _, suite := range tlsconfig.Suites() {
		q.progress("%v", suite)
		f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: []uint16{uint16(suite)}})
		switch {
		case err == nil && f.version == tls.VersionTLS12 && f.suite == uint16(suite):
			q.taken = append(q.taken, suite)
			q.report.add(clauseCiphers, suite.String(), Conformant, "", "negotiated")
		case err == nil:
			q.report.add(clauseCiphers, suite.String(), Undecided, "", "the server answers with %s and suite %s, which were not offered",
				tls.VersionName(f.version), suiteName(f.suite))
		case refused(err):
			q.report.add(clauseCiphers, suite.String(), Advice, "offer it, unless the engine does not have it", "refused: %v", err)
		default:
			q.report.add(clauseCiphers, suite.String(), Undecided, "", "%v", err)
		}
	}
	if len(q.taken) == 0 && !q.undecided(clauseCiphers) {
		q.report.add(clauseCiphers, "a suite of the list", Departure, "offer at least ECDHE-RSA-AES256-GCM-SHA384", "none of the eight can be negotiated")
	}
}

func (q *questions) undecided(clause string) bool {
	return slices.ContainsFunc(q.report.Findings, func(f Finding) bool { return f.Clause == clause && f.Severity == Undecided })
}

// foreignSuites offers everything but the guidance's, some at a time, and leaves out
// what was chosen until nothing is.
func (q *questions) foreignSuites(ctx context.Context) {
	const subject, remedy = "suites outside the list", "offer the eight suites of the guidance and no other"
	q.progress(subject)
	var found []string
	for offer := range slices.Chunk(foreign, maxOffer) {
		more, err := q.chosenOf(ctx, slices.Clone(offer))
		found = append(found, more...)
		if err != nil {
			q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
			break
		}
	}
	switch {
	case len(found) > 0:
		q.report.add(clauseCiphers, subject, Departure, remedy, "negotiated: %s", strings.Join(found, ", "))
	case !slices.ContainsFunc(q.report.Findings, func(f Finding) bool { return f.Subject == subject }):
		q.report.add(clauseCiphers, subject, Conformant, "", "none of %d that were offered is negotiated", len(foreign))
	}
}

// chosenOf returns the names of the suites that the server chooses from an offer, until
// it refuses what is left.
func (q *questions) chosenOf(ctx context.Context, offer []uint16) (names []string, err error) {
	for len(offer) > 0 {
		f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: offer})
		switch {
		case err != nil && refused(err):
			return names, nil
		case err != nil:
			return names, err
		}
		i := slices.Index(offer, f.suite)
		switch {
		case i >= 0:
			names, offer = append(names, suiteName(f.suite)), slices.Delete(offer, i, i+1)
		case f.version == tls.VersionTLS12:
			return append(names, suiteName(f.suite)+", which was not offered"), nil
		default: // no client would go on
			return names, nil
		}
	}
	return names, nil
}

// order offers the suites that the server takes from both ends, and leaves out
// what was chosen.
func (q *questions) order(ctx context.Context) {
	const subject = "order of preference"
	q.progress(subject)
	if len(q.taken) < 2 {
		q.report.add(clauseCiphers, subject, NotAsked, "", "the server takes %d of the suites", len(q.taken))
		return
	}
	remaining := slices.Clone(q.taken)
	for len(remaining) > 1 {
		reversed := suiteIDs(remaining)
		slices.Reverse(reversed)
		for _, offer := range [][]uint16{reversed, suiteIDs(remaining)} {
			f, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: offer})
			if err != nil {
				q.report.add(clauseCiphers, subject, Undecided, "", "%v", err)
				return
			}
			if f.suite != uint16(remaining[0]) {
				q.report.add(clauseCiphers, subject, Departure, "let the server choose, in the order of the guidance",
					"%s is chosen where %v could be", suiteName(f.suite), remaining[0])
				return
			}
		}
		remaining = remaining[1:]
	}
	q.report.add(clauseCiphers, subject, Conformant, "", "the server chooses by the guidance's order, whatever the client's")
}
