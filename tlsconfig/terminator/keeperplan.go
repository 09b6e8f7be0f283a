// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A plan is what a file must hold at a time.
type plan struct {
	now      time.Time
	lists    []*revocation.List // in the order of the file
	problems []Problem
	serves   bool      // the program can accept the peers of a SubCA
	complete bool      // of every one, by current lists
	next     time.Time // when it comes out otherwise of itself; zero: never
}

// maxSerials bounds the serial numbers that a Problem names.
const maxSerials = 20

// plan chooses the lists for the file from those of the pinned CAs that are known,
// sorted as CRLs.Lists does.
func (k *Keeper) plan(pins *tlsconfig.Pins, known []revocation.List, now time.Time) *plan {
	p := &plan{now: now, complete: true}
	for len(known) > 0 {
		n := 1
		for n < len(known) && known[n].SameScope(&known[0]) {
			n++
		}
		p.choose(known[:n], func(l *revocation.List) bool { return k.floor[l.Digest()] })
		known = known[n:]
	}
	// At equal thisUpdate OpenSSL reads the first list that is about a certificate, so
	// those about most stand before those about some.
	slices.SortStableFunc(p.lists, func(a, b *revocation.List) int { return cmp.Compare(breadth(b), breadth(a)) })
	p.gaps()
	p.namesakes(k.Program)
	p.judge(k, pins)
	return p
}

func breadth(l *revocation.List) (n int) {
	if !l.Named {
		n += 2
	}
	if !l.OnlyUsers && !l.OnlyCAs {
		n++
	}
	return n
}

// usable returns why a complete list is of no use to a program, or "".
func usable(l *revocation.List) string {
	switch {
	case l.Indirect:
		return "it is an indirect CRL"
	case l.SomeReasons:
		return "it is for some reasons only (onlySomeReasons)"
	case l.OnlyAttrs:
		return "it is about attribute certificates"
	}
	return ""
}

// choose takes from the lists of one issuer, key and scope the one for the file.
func (p *plan) choose(lists []revocation.List, inFile func(*revocation.List) bool) {
	var chosen, ahead, endless *revocation.List
	var why string
	for i := range lists {
		l := &lists[i]
		if l.Delta {
			continue
		}
		if why = usable(l); why != "" {
			break // so are all of the scope
		}
		if l.NextUpdate.IsZero() {
			if endless == nil {
				endless = l
			}
			continue
		}
		if l.ThisUpdate.After(p.now) {
			p.at(l.ThisUpdate)
			ahead = l
			continue
		}
		if chosen == nil || l.ThisUpdate.Equal(chosen.ThisUpdate) && (l.Supersedes(chosen) || !chosen.Supersedes(l) && l.Entries > chosen.Entries) {
			chosen = l
		}
	}
	// What the file has is not removed, also if the clock was set back.
	for i := range lists {
		if l := &lists[i]; why == "" && !l.Delta && !l.NextUpdate.IsZero() && inFile(l) && (chosen == nil || l.Supersedes(chosen)) {
			chosen = l
		}
	}
	first := &lists[0]
	switch {
	case why != "" && first.OnlyAttrs:
		return
	case why != "":
		p.wrong(Problem{Kind: Unusable, Issuer: first.Issuer, Scope: first.Scope,
			Detail: why + ", which no proxy reads: the program behind, with tlsconfig/front, has to decide about these certificates"})
		return
	}
	if endless != nil && !endless.Superseded {
		p.wrong(Problem{Kind: Unusable, Issuer: endless.Issuer, Scope: endless.Scope,
			Detail: "the list of " + stamp(endless.ThisUpdate) + " has no nextUpdate, so a program would go by it for ever"})
	}
	if ahead != nil && ahead != chosen {
		p.wrong(Problem{Kind: NotBegun, Issuer: ahead.Issuer, Scope: ahead.Scope, Detail: "a list waits for its thisUpdate, " + stamp(ahead.ThisUpdate) + ", until which the program would refuse everyone by it"})
	}
	if chosen == nil {
		return
	}
	p.lists = append(p.lists, chosen)
	for i := range lists {
		p.compare(&lists[i], chosen)
	}
}

// compare says what another list of the scope knows beyond the chosen one.
func (p *plan) compare(l, chosen *revocation.List) {
	if l == chosen || l.Superseded {
		return
	}
	serials := l.Beyond(maxSerials, chosen)
	lag := l.ThisUpdate.Sub(chosen.ThisUpdate)
	switch {
	case l.Delta && lag > 0:
		p.wrong(Problem{Kind: Lag, Issuer: l.Issuer, Scope: l.Scope, Serials: serials, Lag: lag,
			Detail: fmt.Sprintf("no proxy reads delta CRLs: it goes by the list of %s, the program behind by the delta CRL of %s", stamp(chosen.ThisUpdate), stamp(l.ThisUpdate))})
	case len(serials) > 0:
		p.wrong(Problem{Kind: Gap, Issuer: l.Issuer, Scope: l.Scope, Serials: serials,
			Detail: fmt.Sprintf("the list of %s revokes what the one of %s, which decides, does not; the program behind refuses them", stamp(l.ThisUpdate), stamp(chosen.ThisUpdate))})
	}
}

// gaps says which serial numbers no list revokes that OpenSSL may read before the one
// that does: the latest one, and of two as late the first.
func (p *plan) gaps() {
	for i, l := range p.lists {
		if l.Entries == 0 {
			continue
		}
		var before []*revocation.List
		for j, other := range p.lists {
			if i != j && (other.ThisUpdate.After(l.ThisUpdate) || j < i && other.ThisUpdate.Equal(l.ThisUpdate)) && l.Overlaps(other) {
				before = append(before, other)
			}
		}
		if len(before) == 0 {
			continue
		}
		// A serial number that another list revokes is a certificate of that list's.
		serials := l.Beyond(maxSerials, slices.DeleteFunc(slices.Clone(p.lists), func(other *revocation.List) bool {
			return other == l || other.Signer != l.Signer
		})...)
		if len(serials) > 0 {
			p.wrong(Problem{Kind: Gap, Issuer: l.Issuer, Scope: l.Scope, Serials: serials,
				Detail: "a list with another scope may be read in its place; the program behind refuses them"})
		}
	}
}

// namesakes says which lists OpenSSL may take for those of another CA of the same name,
// whose signature they do not bear: it refuses that one's peers then.
func (p *plan) namesakes(program Program) {
	advice := "Pin one of the CAs"
	if withoutCRLs(program) {
		advice += ", or render it with AllowNoCRLs and leave revocation to the program behind"
	}
	for _, l := range p.lists {
		if slices.ContainsFunc(p.lists, func(other *revocation.List) bool { return l.Signer != other.Signer && l.PassesFor(other) }) {
			p.complete = false
			p.wrong(Problem{Kind: Unusable, Issuer: l.Issuer, Scope: l.Scope,
				Detail: "its authorityKeyIdentifier does not say which of the pinned CAs of this name it is of: OpenSSL takes the latest list for all of them, and refuses the peers of the others. " + advice})
		}
	}
}

// judge says whether peers can be accepted by the lists, and what is missing.
func (p *plan) judge(k *Keeper, pins *tlsconfig.Pins) {
	roots := pins.Roots()
	for _, l := range p.lists {
		p.times(l)
	}
	for _, ca := range pins.SubCAs() {
		serves := p.find(ca, func(l *revocation.List) bool { return !l.OnlyCAs }) != nil
		if !serves {
			p.miss(ca, "there is no list of its own for its peers, who are refused until there is")
		}
		switch root := issuerOf(ca, roots); {
		case k.leafAlone():
			p.unread(k, ca, root)
		case !p.authority(k, ca, root):
			serves = false
		}
		p.serves = p.serves || serves
		for _, cert := range k.Certificates {
			if issuerOf(cert, []*x509.Certificate{ca}) != nil && p.find(ca, func(l *revocation.List) bool { return l.Covers(cert) == nil }) == nil {
				p.miss(ca, fmt.Sprintf("no list is about the certificate %x", cert.SerialNumber))
			}
		}
	}
	if len(pins.SubCAs()) == 0 {
		p.complete = false
	}
}

// unread says that a SubCA is revoked, before a program that looks at no list about it.
func (p *plan) unread(k *Keeper, ca, root *x509.Certificate) {
	if root == nil || !k.revoked(ca, root) {
		return
	}
	detail := "the program looks at no list about a SubCA, and accepts the peers of this one, which is revoked; the program behind refuses them"
	if k.Program == Stunnel {
		detail = "stunnel looks at no list about a SubCA, and accepts the peers of this one, which is revoked: take it out of CAfile and restart stunnel"
	}
	p.wrong(Problem{Kind: Gap, Issuer: root.Subject.String(), Scope: ca.Subject.String(), Serials: []*big.Int{ca.SerialNumber}, Detail: detail})
}

// authority reports whether a program can look up a SubCA and its root in the root's
// lists.
func (p *plan) authority(k *Keeper, ca, root *x509.Certificate) bool {
	if root == nil {
		return false // NewPins takes no such SubCA
	}
	if p.find(root, func(l *revocation.List) bool { return l.Covers(ca) == nil }) == nil {
		p.miss(root, fmt.Sprintf("there is no list of its own about %s, whose peers are refused until there is", ca.Subject))
		return false
	}
	if p.find(root, func(l *revocation.List) bool { return l.Covers(root) == nil }) != nil {
		return true
	}
	p.complete = false
	p.wrong(Problem{Kind: Unusable, Issuer: root.Subject.String(), Detail: "OpenSSL holds the root too against the root's list, whose distribution point the root's certificate does not name: everyone would be refused. " + leafAdvice(k.Program)})
	return false
}

func leafAdvice(program Program) string {
	if leafCRLs(program) {
		return "Render it with LeafCRLs, and leave the SubCA to the program behind"
	}
	return "Render it with AllowNoCRLs, and leave revocation to the program behind"
}

func (p *plan) find(ca *x509.Certificate, is func(*revocation.List) bool) *revocation.List {
	for _, l := range p.lists {
		if sameCA(l.Signer, ca) && is(l) {
			return l
		}
	}
	return nil
}

// sameCA reports whether two certificates are one CA's, renewed for the same key.
func sameCA(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) && a.Subject.String() == b.Subject.String()
}

func (p *plan) miss(ca *x509.Certificate, detail string) {
	p.complete = false
	p.wrong(Problem{Kind: Missing, Issuer: ca.Subject.String(), Detail: detail})
}

// times says that a list in the file is not current, or not for much longer.
func (p *plan) times(l *revocation.List) {
	if l.ThisUpdate.After(p.now) {
		p.complete = false
		p.at(l.ThisUpdate)
		p.wrong(Problem{Kind: NotBegun, Issuer: l.Issuer, Scope: l.Scope, Detail: "the file has it though its thisUpdate is " + stamp(l.ThisUpdate) + ", until which its certificates are refused, and it is not taken back"})
	}
	left, life := l.NextUpdate.Sub(p.now), l.NextUpdate.Sub(l.ThisUpdate)
	if left < 0 {
		p.complete = false
		p.wrong(expired(&l.ListState))
		return
	}
	p.at(l.NextUpdate.Add(time.Second)) // OpenSSL's clock has seconds
	const day = 24 * time.Hour
	for stage, limit := range []time.Duration{min(day, life/16), min(7*day, life/8), min(30*day, life/4)} {
		if left <= limit {
			p.wrong(Problem{Kind: Expiring, Issuer: l.Issuer, Scope: l.Scope, Detail: "its nextUpdate is " + stamp(l.NextUpdate), stage: 3 - stage})
			return
		}
		p.at(l.NextUpdate.Add(-limit))
	}
}

func (p *plan) wrong(problem Problem) { p.problems = append(p.problems, problem) }

// at notes a time at which the plan comes out otherwise.
func (p *plan) at(t time.Time) {
	if t.After(p.now) && (p.next.IsZero() || t.Before(p.next)) {
		p.next = t
	}
}
