// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package simulation

// A mutation breaks one rule of the package.
type mutation struct {
	name, file, old, new string // file is relative to the folder revocation
}

// mutations are at least one for each rule about documents and for each property
// that must hold over time.
var mutations = []mutation{
	{"order: time alone", "internal/crl/order.go",
		`return time >= 0 && number >= 0 && (time > 0 || number > 0)`,
		`_ = number; return time > 0`},
	{"order: number alone", "internal/crl/order.go",
		`return time >= 0 && number >= 0 && (time > 0 || number > 0)`,
		`_ = time; return number > 0`},
	{"order: only the latest list's entries count", "internal/known/series.go",
		`if listed && (decides ||`,
		`if listed && decides && (decides ||`},
	{"order: a list that has not begun says nothing", "internal/known/series.go",
		`		entry, listed := l.Find(subject)
		decides :=`,
		`		entry, listed := l.Find(subject)
		listed = listed && d.begun(l)
		decides :=`},
	{"order: a hold on another list stands for ever", "internal/known/series.go",
		`entry.Reason != der.ReasonCertificateHold || !d.expired(l))`,
		`true)`},
	{"deltas: one that cannot be combined says nothing", "internal/known/series.go",
		`if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL {`,
		`if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL && slices.ContainsFunc(deciders, func(c *List) bool { return c.Combines(l.List) }) {`},
	{"deltas: spent by one of a later base", "internal/known/series.go",
		`y.Supersedes(delta.List) && y.Base().Cmp(delta.Base()) <= 0 && d.begun(y)`,
		`y.Supersedes(delta.List) && d.begun(y)`},
	{"deltas: spent by a complete list's number alone", "internal/known/series.go",
		`&& !y.ThisUpdate().Before(delta.ThisUpdate()) && d.begun(y)`,
		`&& d.begun(y)`},
	{"deltas: an expired one removes", "internal/known/series.go",
		`if latest == nil || d.expired(latest) {`,
		`if latest == nil {`},
	{"across series: a permanent revocation is taken back", "internal/known/decide.go",
		`return st.hold() && d.expired(st.list) ||`,
		`return d.expired(st.list) ||`},
	{"across series: a hold is taken back before its list expires", "internal/known/decide.go",
		`return st.hold() && d.expired(st.list) ||`,
		`return st.hold() ||`},
	{"across series: by an older list", "internal/known/decide.go",
		`if !c.current || !c.thisUpdate.After(st.list.ThisUpdate()) ||`,
		`if !c.current ||`},
	{"who may speak: any key of the CA clears", "internal/known/signer.go",
		`		case !contains(d.issuers, cert):`,
		`		case false:`},
	{"who may speak: a tainted key clears", "internal/known/signer.go",
		`	if d.tainted(s.key, path) {
		return errors.New("its signer's key is revoked")`,
		`	if false {
		return errors.New("its signer's key is revoked")`},
	{"who may speak: a responder that is revoked clears", "internal/known/answerverdict.go",
		`	if j := d.judge(good); j.err != nil {`,
		`	if j := d.judge(good); false && j.err != nil {`},
	{"who may speak: every reason taints", "internal/known/signer.go",
		`	case der.ReasonKeyCompromise, der.ReasonCACompromise,`,
		`	case der.ReasonSuperseded, der.ReasonCessationOfOperation, der.ReasonKeyCompromise, der.ReasonCACompromise,`},
	{"who may speak: unknown takes a revocation back", "internal/known/answerverdict.go",
		`return r.Status == ocsp.Good && r.Key == revoked.Key`,
		`return r.Status != ocsp.Revoked && r.Key == revoked.Key`},
	{"OCSP: good wins a tie", "internal/known/answerverdict.go",
		`r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate)`,
		`r.Key == revoked.Key && !r.ThisUpdate.Before(revoked.ThisUpdate)`},
	{"forgetting: whatever is older", "internal/known/forget.go",
		`if !slices.ContainsFunc(heads, func(y Order) bool { return y.Supersedes(&o) }) {`,
		`if !slices.ContainsFunc(heads, func(y Order) bool { return y.Series == o.Series && y.Kind == o.Kind && y.ThisUpdate.After(o.ThisUpdate) }) {`},
	{"forgetting: without the day of grace", "internal/known/member.go",
		`const forgetAfter = 24 * time.Hour`,
		`const forgetAfter = -6 * time.Hour`},
	{"join: one document a series", "internal/known/member.go",
		`		if o.Kind == 0 || !slices`,
		`		if o.Kind == 0 || o.Kind <= Delta && !slices.ContainsFunc(orders, func(y Order) bool { return y.Kind == o.Kind && y.Series == o.Series && y.ThisUpdate.After(o.ThisUpdate) }) && !slices`},
	{"join: the last writer wins", "internal/simulation/package_test.go",
		`return storedOf(revocation.Join(c.now(), membersOf(a), membersOf(b)))`,
		`return storedOf(revocation.Join(c.now(), nil, membersOf(b)))`},
	{"1: what only another source knows is not asked before a good", "checker.go",
		`			revoked, good := c.known(ctx, q, how, c.Sources[i+1:])
			if revoked != nil {`,
		`			revoked, good := c.known(ctx, q, how, c.Sources[i+1:])
			if false && revoked != nil {`},
	{"1: what has expired is asked about as if it were not known", "ocspinquiry.go",
		`	if i.v.Status != known.StatusUndecided {
		// What`,
		`	if i.v.Status != known.StatusUndecided && !i.expired() {
		// What`},
	{"2: what arrives older than what is there is passed over", "internal/known/lists.go",
		`			change.compare(&own, lists)
`,
		`			change.compare(&own, lists)
			if slices.ContainsFunc(lists, func(x *List) bool { return x.Orders()[0].Series == own.Orders()[0].Series && x.ThisUpdate().After(own.ThisUpdate()) }) {
				continue
			}
`},
	{"3: looks after eight times Refresh", "internal/fetch/asker.go",
		`	wait := jitter(w.Every - w.Every/10)`,
		`	wait := jitter(8*w.Every)`},
	{"4: a look that is due is waited for", "crls.go",
		`		s.look(a.watches)
		return a.answer, nil`,
		`		s.asker.Ask(ctx, single(a.watches), func() bool { return false })
		return a.answer, nil`},
	{"5: no head start, one URL after the other", "internal/fetch/asker.go",
		`	headStart = time.Second`,
		`	headStart = 30 * time.Second`},
	{"6: asked again after a quarter of an hour", "internal/fetch/asker.go",
		`	retryAfter = 15 * time.Second`,
		`	retryAfter = 15 * time.Minute`},
	{"7: a document of the Cache does not say where it came from", "crls.go",
		`		place = o.Place`,
		`		place = known.Added`},
	{"7: what was added is not merged", "crls.go",
		`	if change.Stored {`,
		`	if change.Stored && origin != known.Added {`},
	{"8: what was lost is not merged again", "shared.go",
		`		c.merge(e.key)
	}
	return nil`,
		`	}
	return nil`},
	{"8: the Cache is read once", "shared.go",
		`	members, err := c.cache.Get(ctx, c.cacheKey(e.key))`,
		`	if p := e.path.Load(); p != nil && len(c.under(e.key)) > 0 {
		return nil
	}
	members, err := c.cache.Get(ctx, c.cacheKey(e.key))`},
	{"9: 304 will do for a document that has run out", "internal/fetch/document.go",
		`		if !d.RanOut() {
			return nil`,
		`		if true {
			return nil`},
}
