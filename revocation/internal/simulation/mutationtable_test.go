// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package simulation

// A mutation breaks one rule of the package.
type mutation struct {
	name           string
	seed           uint64 // whose history tells; the oracle's text says what went wrong
	file, old, new string // file is relative to the folder revocation
}

// mutations are at least one for each rule about documents and for each property
// that must hold over time, by its number. When histories are chosen in another way,
// the seeds change: TestMutations names those that tell instead.
var mutations = []mutation{
	{"order: time alone", 21, "internal/crl/order.go",
		`return time >= 0 && number >= 0 && (time > 0 || number > 0)`,
		`_ = number; return time > 0`},
	{"order: number alone", 1, "internal/crl/order.go",
		`return time >= 0 && number >= 0 && (time > 0 || number > 0)`,
		`_ = time; return number > 0`},
	{"order: only the latest list's entries count", 9, "internal/known/series.go",
		`if listed && (decides ||`,
		`if listed && decides && (decides ||`},
	{"order: a list that has not begun says nothing", 9, "internal/known/series.go",
		`		entry, listed := l.Find(subject)
		decides :=`,
		`		entry, listed := l.Find(subject)
		listed = listed && d.begun(l)
		decides :=`},
	{"order: a hold on another list stands for ever", 21, "internal/known/series.go",
		`entry.Reason != der.ReasonCertificateHold || !d.expired(l))`,
		`true)`},
	{"deltas: one that cannot be combined says nothing", 111, "internal/known/series.go",
		`if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL {`,
		`if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL && slices.ContainsFunc(deciders, func(c *List) bool { return c.Combines(l.List) }) {`},
	{"deltas: spent by one of a later base", 7, "internal/known/series.go",
		`y.Supersedes(delta.List) && y.Base().Cmp(delta.Base()) <= 0 && d.begun(y)`,
		`y.Supersedes(delta.List) && d.begun(y)`},
	{"deltas: spent by a complete list's number alone", 65, "internal/known/series.go",
		`&& !y.ThisUpdate().Before(delta.ThisUpdate()) && d.begun(y)`,
		`&& d.begun(y)`},
	{"deltas: an expired one removes", 35, "internal/known/series.go",
		`if latest == nil || d.expired(latest) {`,
		`if latest == nil {`},
	{"deltas: combined whatever its base", 7, "internal/crl/order.go",
		`d.base.Cmp(l.number) <= 0 && `,
		``},
	{"deltas: one does not make an expired list current", 3, "internal/known/series.go",
		`c.list, c.current = delta, true`,
		`c.list = delta`},
	{"across series: a hold is never taken back", 315, "internal/known/verdict.go",
		`return st.hold() && d.expired(st.list) ||`,
		`return`},
	{"across series: a permanent revocation is taken back", 271, "internal/known/verdict.go",
		`return st.hold() && d.expired(st.list) ||`,
		`return d.expired(st.list) ||`},
	{"across series: a hold is taken back before its list expires", 185, "internal/known/verdict.go",
		`return st.hold() && d.expired(st.list) ||`,
		`return st.hold() ||`},
	{"across series: by an older list", 207, "internal/known/verdict.go",
		`if !c.current || !c.thisUpdate.After(st.list.ThisUpdate()) ||`,
		`if !c.current ||`},
	{"who may speak: any key of the CA whose certificate was seen", 3, "internal/known/decide.go",
		`func (s *Lists) Decide(path, issuers []*x509.Certificate, at, horizon time.Time) (*Decision, error) {
`,
		`var seen = func() chan map[*Lists][]*x509.Certificate {
	c := make(chan map[*Lists][]*x509.Certificate, 1)
	c <- map[*Lists][]*x509.Certificate{}
	return c
}()

func (s *Lists) Decide(path, issuers []*x509.Certificate, at, horizon time.Time) (*Decision, error) {
	all := <-seen
	all[s] = append(slices.DeleteFunc(all[s], path[1].Equal), path[1])
	issuers = slices.Concat(issuers, all[s])
	seen <- all
`},
	{"who may speak: a further issuer that is revoked clears", 269, "internal/known/decide.go",
		`		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

var`,
		`		if err == nil || true {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

var`},
	{"who may speak: a tainted key clears", 43, "internal/known/decide.go",
		`	if d.tainted(s.key, path) {
		return errors.New("its signer's key is revoked")`,
		`	if false {
		return errors.New("its signer's key is revoked")`},
	{"who may speak: what a tainted key revoked is dropped", 43, "internal/known/verdict.go",
		`	statements = slices.DeleteFunc(statements, func(st statement) bool {
`,
		`	statements = slices.DeleteFunc(statements, func(st statement) bool {
		if d.tainted(st.series.key, path) {
			return true
		}
`},
	{"who may speak: a responder that is revoked clears", 1471, "internal/known/answerverdict.go",
		`	if j := d.judge.of(good); j.err != nil {`,
		`	if j := d.judge.of(good); false && j.err != nil {`},
	{"who may speak: a tainted key takes its own revocation back", 1119, "internal/known/answersigner.go",
		`	}) && !d.judge.of(revoked).tainted`,
		`	})`},
	{"who may speak: a tainted key of the CA clears by OCSP", 885, "internal/known/answersigner.go",
		`	if status.Tainted {`,
		`	if false && status.Tainted {`},
	{"who may speak: every reason taints", 73, "internal/known/taint.go",
		`	case der.ReasonKeyCompromise, der.ReasonCACompromise,`,
		`	case der.ReasonSuperseded, der.ReasonCessationOfOperation, der.ReasonKeyCompromise, der.ReasonCACompromise,`},
	{"who may speak: unknown takes a revocation back", 209, "internal/known/answersigner.go",
		`return r.Status != ocsp.Unknown && r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && d.begun(r)`,
		`return r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && d.begun(r)`},
	{"OCSP: good wins a tie", 235, "internal/known/answersigner.go",
		`r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate)`,
		`r.Key == revoked.Key && !r.ThisUpdate.Before(revoked.ThisUpdate)`},
	{"OCSP: an answer by a responder that has expired counts", 191, "internal/known/answerverdict.go",
		`if c := good.Responder; c != nil && (`,
		`if c := good.Responder; false && (`},
	{"OCSP: an answer from after its responder expired takes a revocation back", 779, "internal/known/reply.go",
		`return r.wasValid() && !r.ThisUpdate.After(r.ProducedAt)`,
		`return !r.ThisUpdate.After(r.ProducedAt)`},
	{"OCSP: an answer that was signed in advance takes a revocation back", 193, "internal/known/reply.go",
		`return r.wasValid() && !r.ThisUpdate.After(r.ProducedAt)`,
		`return r.wasValid()`},
	{"OCSP: an answer that will be produced counts", 619, "internal/known/answersigner.go",
		` && !d.v.Window.before(d.at, r.ProducedAt.Add(-ClockTolerance))`,
		``},
	{"OCSP: a good answer does not end an earlier one", 3971, "internal/known/answerverdict.go",
		`		case r.Status == ocsp.Good && r.ThisUpdate.After(good.ThisUpdate)`,
		`		case false && r.ThisUpdate.After(good.ThisUpdate)`},
	{"OCSP: unknown forgets the good answer that took a revocation back", 54, "internal/known/order.go",
		`return x.Kind == Unknown && times > 0`,
		`return x.Kind >= Good && times > 0`},
	{"forgetting: a good answer makes a revocation forgotten, as if its key could not turn out to be tainted", 379, "internal/known/order.go",
		`return (x.Kind == Good || x.Kind == Unknown) && times > 0`,
		`return x.Kind >= Good && times > 0`},
	{"forgetting: whatever is older", 299, "internal/known/forget.go",
		`if !slices.ContainsFunc(heads, func(y Order) bool { return y.Supersedes(&o) }) {`,
		`if !slices.ContainsFunc(heads, func(y Order) bool { return y.Series == o.Series && y.Kind == o.Kind && y.ThisUpdate.After(o.ThisUpdate) }) {`},
	{"forgetting: without the day of grace", 3, "internal/known/forget.go",
		`const forgetAfter = 24 * time.Hour`,
		`const forgetAfter = -6 * time.Hour`},
	{"join: one document a series", 3, "internal/known/member.go",
		`		if o.Kind == 0 || !slices`,
		`		if o.Kind == 0 || o.Kind <= Delta && !slices.ContainsFunc(orders, func(y Order) bool { return y.Kind == o.Kind && y.Series == o.Series && y.ThisUpdate.After(o.ThisUpdate) }) && !slices`},
	{"join: the last writer wins", 3, "internal/simulation/package_test.go",
		`return storedOf(revocation.Join(c.now(), membersOf(a), membersOf(b)))`,
		`return storedOf(revocation.Join(c.now(), nil, membersOf(b)))`},
	{"1: what only another source knows is not asked before a good", 15, "check.go",
		`			revoked, good := c.known(ctx, q, how, c.Sources[i+1:])
			if revoked != nil {`,
		`			revoked, good := c.known(ctx, q, how, c.Sources[i+1:])
			if false && revoked != nil {`},
	{"1: what has expired is asked about as if it were not known", 59, "ocspinquiry.go",
		`	if i.v.Status != known.StatusUndecided {
		// What`,
		`	if i.v.Status != known.StatusUndecided && !i.expired() {
		// What`},
	{"2: what arrives older than what is there is passed over", 2, "internal/known/lists.go",
		`			change.compare(&own, lists)
`,
		`			change.compare(&own, lists)
			if slices.ContainsFunc(lists, func(x *List) bool { return x.Orders()[0].Series == own.Orders()[0].Series && x.ThisUpdate().After(own.ThisUpdate()) }) {
				continue
			}
`},
	{"3: looks after eight times Refresh", 2, "internal/fetch/asker.go",
		`		t.Every = a.Refresh`,
		`		t.Every = 8 * a.Refresh`},
	{"4: a look that is due is waited for", 2, "crlsource.go",
		`		s.look(a.watches)
		return a.answer, nil`,
		`		s.asker.Ask(ctx, single(a.watches), func() bool { return false })
		return a.answer, nil`},
	{"5: no head start, one URL after the other", 130, "internal/fetch/asker.go",
		`	headStart = time.Second`,
		`	headStart = 30 * time.Second`},
	{"6: asked again after a quarter of an hour", 398, "internal/fetch/watch.go",
		`	retryAfter = 15 * time.Second`,
		`	retryAfter = 15 * time.Minute`},
	{"7: a document of the Cache does not say where it came from", 24, "crls.go",
		`		place = o.Place`,
		`		_, place = o, known.Added`},
	{"7: what was added is not merged", 629, "crls.go",
		`	if change.Stored {`,
		`	if change.Stored && origin != known.Added {`},
	{"8: what was lost is not merged again", 36, "shared.go",
		`		c.merge(e.key)
	}
	return nil`,
		`	}
	return nil`},
	{"8: the Cache is read once", 36, "shared.go",
		`	get, cancel := context.WithTimeout(ctx, maxCall)`,
		`	if p := e.path.Load(); p != nil && len(c.under(e.key)) > 0 {
		return nil
	}
	get, cancel := context.WithTimeout(ctx, maxCall)`},
	{"9: 304 will do for a document that has run out", 4, "crlurl.go",
		`RanOut: u.ranOut,`,
		`RanOut: func() bool { return false },`},
}
