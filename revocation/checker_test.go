// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A says is a Source that always says the same, and remembers what about.
type says struct {
	answer revocation.Answer
	err    error
	asked  []revocation.Query
}

func (s *says) Status(_ context.Context, q revocation.Query) (revocation.Answer, error) {
	s.asked = append(s.asked, q)
	return s.answer, s.err
}

func answered(status revocation.Status, thisUpdate, nextUpdate time.Duration) revocation.Answer {
	return revocation.Answer{Status: status, ThisUpdate: ocspNow.Add(thisUpdate), NextUpdate: ocspNow.Add(nextUpdate), Source: "http://source"}
}

func clock() time.Time { return ocspNow }

// TestCheckerAnswers: what one source may say, under the zero policy and under
// one that allows answers to be an hour past their time.
func TestCheckerAnswers(t *testing.T) {
	p := newOCSPPKI(t)
	allow := revocation.Policy{Unknown: revocation.Allow, MaxStale: time.Hour}
	const hour, second = time.Hour, time.Second
	noNextUpdate := answered(revocation.Good, -hour, 0)
	noNextUpdate.NextUpdate = time.Time{}
	older := noNextUpdate
	older.ThisUpdate = older.ThisUpdate.Add(-second)
	tooOld := noNextUpdate
	tooOld.ThisUpdate = tooOld.ThisUpdate.Add(-hour - second)
	noThisUpdate := answered(revocation.Good, 0, hour)
	noThisUpdate.ThisUpdate = time.Time{}
	noIdea := errors.New("no idea")

	const (
		good    = ""
		warned  = "warned"
		revoked = "revoked"
		unknown = "unknown"
	)
	for _, test := range []struct {
		name          string
		answer        revocation.Answer
		err           error
		strict, allow string
		kind          error // in the UnknownError
	}{
		{"good", answered(revocation.Good, -hour, hour), nil, good, good, nil},
		{"good until now", answered(revocation.Good, -hour, 0), nil, good, good, nil},
		{"good until a second ago", answered(revocation.Good, -hour, -second), nil, unknown, warned, revocation.ErrExpired},
		{"good until a second ago, as the source says", answered(revocation.Good, -hour, -second), revocation.ErrExpired, unknown, warned, revocation.ErrExpired},
		{"good until an hour ago", answered(revocation.Good, -2*hour, -hour), revocation.ErrExpired, unknown, warned, revocation.ErrExpired},
		{"good until more than an hour ago", answered(revocation.Good, -2*hour, -hour-second), revocation.ErrExpired, unknown, unknown, revocation.ErrExpired},
		{"good, expired by a rule of the source's own", answered(revocation.Good, -hour, hour), revocation.ErrExpired, unknown, unknown, revocation.ErrExpired},
		{"good for what may be an hour old", noNextUpdate, nil, good, good, nil},
		{"good, more than an hour old, without nextUpdate", older, nil, unknown, warned, revocation.ErrExpired},
		{"good, more than two hours old, without nextUpdate", tooOld, nil, unknown, unknown, revocation.ErrExpired},
		{"good from five minutes on", answered(revocation.Good, 5*time.Minute, hour), nil, good, good, nil},
		{"good from later on", answered(revocation.Good, 5*time.Minute+second, hour), nil, unknown, unknown, revocation.ErrNotYetValid},
		{"good, without thisUpdate", noThisUpdate, nil, unknown, unknown, nil},
		{"good, and an error", answered(revocation.Good, -hour, hour), noIdea, unknown, unknown, noIdea},
		{"revoked", answered(revocation.Revoked, -hour, hour), nil, revoked, revoked, nil},
		{"revoked until a second ago", answered(revocation.Revoked, -hour, -second), revocation.ErrExpired, revoked, revoked, nil},
		{"revoked until long ago", answered(revocation.Revoked, -999*hour, -998*hour), revocation.ErrExpired, revoked, revoked, nil},
		{"revoked, and another error", answered(revocation.Revoked, -hour, hour), noIdea, unknown, unknown, noIdea},
		{"nothing", revocation.Answer{}, nil, unknown, unknown, nil},
		{"an error", revocation.Answer{}, noIdea, unknown, unknown, noIdea},
		{"nothing but that it has expired", revocation.Answer{}, revocation.ErrExpired, unknown, unknown, revocation.ErrExpired},
		{"a status that there is not", revocation.Answer{Status: 7, ThisUpdate: ocspNow, NextUpdate: ocspNow}, nil, unknown, unknown, nil},
	} {
		for policy, want := range map[revocation.Policy]string{{}: test.strict, allow: test.allow} {
			t.Run(fmt.Sprintf("%s/Allow=%t", test.name, policy == allow), func(t *testing.T) {
				var log bytes.Buffer
				policy.Depth = revocation.EndEntity
				c := &revocation.Checker{
					Sources: []revocation.Source{&says{answer: test.answer, err: test.err}}, Policy: policy,
					Time: clock, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				}
				err := c.Check(t.Context(), p.path(), nil)
				switch want {
				case good, warned:
					require.NoError(t, err)
				case revoked:
					var e *revocation.RevokedError
					require.ErrorAs(t, err, &e)
					require.Equal(t, p.leaf.cert, e.Cert)
					require.Equal(t, "http://source", e.Source)
				case unknown:
					var e *revocation.UnknownError
					require.ErrorAs(t, err, &e)
					require.Equal(t, p.leaf.cert, e.Cert)
					require.Len(t, e.Errs, 1)
					if test.kind != nil {
						require.ErrorIs(t, err, test.kind)
					}
				}
				if want == warned {
					require.Contains(t, log.String(), "level=WARN")
					require.Contains(t, log.String(), "serial=abcdef")
				} else {
					require.Empty(t, log.String())
				}
			})
		}
	}
}

// TestCheckerSources: what several sources say together.
func TestCheckerSources(t *testing.T) {
	p := newOCSPPKI(t)
	sources := map[byte]func() *says{
		'g': func() *says { return &says{answer: answered(revocation.Good, -time.Hour, time.Hour)} },
		'r': func() *says { return &says{answer: answered(revocation.Revoked, -time.Hour, time.Hour)} },
		'u': func() *says { return &says{err: errors.New("unknown")} },
		's': func() *says {
			return &says{answer: answered(revocation.Good, -time.Hour, -time.Minute), err: revocation.ErrExpired}
		},
		't': func() *says {
			return &says{answer: answered(revocation.Revoked, -time.Hour, -time.Minute), err: revocation.ErrExpired}
		},
	}
	for _, test := range []struct {
		sources string
		first   string // what FirstAnswer makes of it, and how many were asked
		every   string
	}{
		{"g", "good 1", "good 1"},
		{"gg", "good 1", "good 2"},
		{"gu", "good 1", "unknown 2"},
		{"ug", "good 2", "unknown 2"},
		{"uu", "unknown 2", "unknown 2"},
		{"gr", "good 1", "revoked 2"},
		{"rg", "revoked 1", "revoked 1"},
		{"ur", "revoked 2", "revoked 2"},
		{"tg", "revoked 1", "revoked 1"},
		{"sg", "good 2", "stale 2"},
		{"gs", "good 1", "stale 2"},
		{"su", "stale 2", "unknown 2"},
		{"us", "stale 2", "unknown 2"},
		{"sr", "revoked 2", "revoked 2"},
		{"st", "revoked 2", "revoked 2"},
		{"ss", "stale 2", "stale 2"},
		{"uuuuug", "good 6", "unknown 6"},
	} {
		for agreement, want := range map[revocation.Agreement]string{revocation.FirstAnswer: test.first, revocation.EverySource: test.every} {
			t.Run(fmt.Sprintf("%s/%d", test.sources, agreement), func(t *testing.T) {
				var decisions []revocation.Decision
				c := &revocation.Checker{
					Policy: revocation.Policy{Depth: revocation.EndEntity, Agreement: agreement, Unknown: revocation.Allow, MaxStale: time.Hour},
					Time:   clock,
					Record: func(_ context.Context, d revocation.Decision) { decisions = append(decisions, d) },
				}
				for _, kind := range []byte(test.sources) {
					c.Sources = append(c.Sources, sources[kind]())
				}
				err := c.Check(t.Context(), p.path(), nil)

				asked := 0
				for _, source := range c.Sources {
					asked += len(source.(*says).asked)
				}
				require.Len(t, decisions, 1)
				d := decisions[0]
				got := "good"
				var unknown *revocation.UnknownError
				switch {
				case errors.As(err, new(*revocation.RevokedError)):
					got = "revoked"
				case errors.As(err, &unknown):
					got = "unknown"
					errs := 0
					for i := range c.Sources {
						if test.sources[i] == 'u' {
							errs++
						}
					}
					require.Len(t, unknown.Errs, errs)
				case err != nil:
					t.Fatal(err)
				case d.Stale:
					got = "stale"
				}
				require.Equal(t, want, fmt.Sprint(got, " ", asked))

				require.Equal(t, err, d.Err)
				require.Equal(t, p.leaf.cert, d.Cert)
				require.Equal(t, ocspNow, d.At)
				require.Len(t, d.Statements, asked)
				for i, statement := range d.Statements {
					source := c.Sources[i].(*says)
					require.Equal(t, revocation.Statement{Source: source, Answer: source.answer, Err: source.err}, statement)
				}
			})
		}
	}
}

// TestCheckerDepth: which certificates are asked about, and what of the
// handshake goes with which.
func TestCheckerDepth(t *testing.T) {
	p := newOCSPPKI(t)
	stapled := []byte("stapled")
	leaf := revocation.Query{Path: p.path(), At: ocspNow, Stapled: stapled}
	ca := revocation.Query{Path: p.path()[1:], At: ocspNow}
	for _, test := range []struct {
		depth revocation.Depth
		asked []revocation.Query
	}{
		{revocation.Chain, []revocation.Query{ca, leaf}},
		{revocation.EndEntity, []revocation.Query{leaf}},
	} {
		source := &says{answer: answered(revocation.Good, 0, time.Hour)}
		c := &revocation.Checker{Sources: []revocation.Source{source}, Policy: revocation.Policy{Depth: test.depth}, Time: clock}
		require.NoError(t, c.Check(t.Context(), p.path(), stapled))
		require.Equal(t, test.asked, source.asked)
	}

	t.Run("of a revoked CA no certificate is accepted", func(t *testing.T) {
		source := &says{answer: answered(revocation.Revoked, 0, time.Hour)}
		c := &revocation.Checker{Sources: []revocation.Source{source}, Time: clock}
		var revoked *revocation.RevokedError
		require.ErrorAs(t, c.Check(t.Context(), p.path(), stapled), &revoked)
		require.Equal(t, p.ca.cert, revoked.Cert)
		require.Equal(t, []revocation.Query{ca}, source.asked)
	})
}

// TestCheckerRefusesMisuse: no source is asked, and nothing is accepted.
func TestCheckerRefusesMisuse(t *testing.T) {
	p := newOCSPPKI(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	stale := func(u revocation.Unknown, d time.Duration) revocation.Policy {
		return revocation.Policy{Unknown: u, MaxStale: d}
	}
	for _, test := range []struct {
		name      string
		ctx       context.Context
		chain     []*x509.Certificate
		policy    revocation.Policy
		noSources bool
		says      string
	}{
		{name: "no chain", chain: nil, says: "shorter"},
		{name: "a certificate alone", chain: p.path()[:1], says: "shorter"},
		{name: "a root alone", chain: p.path()[2:], says: "shorter"},
		{name: "a nil leaf", chain: []*x509.Certificate{nil, p.ca.cert, p.root.cert}, says: "missing"},
		{name: "a nil root", chain: []*x509.Certificate{p.leaf.cert, p.ca.cert, nil}, says: "missing"},
		{name: "an empty certificate", chain: []*x509.Certificate{{}, p.ca.cert}, says: "missing"},
		{name: "root first", chain: []*x509.Certificate{p.root.cert, p.ca.cert, p.leaf.cert}, says: "order"},
		{name: "the CA left out", chain: []*x509.Certificate{p.leaf.cert, p.root.cert}, says: "order"},
		{name: "no sources", chain: p.path(), noSources: true, says: revocation.ErrNoSource.Error()},
		{name: "cancelled", ctx: cancelled, chain: p.path(), says: context.Canceled.Error()},
		{name: "Allow without a bound", chain: p.path(), policy: stale(revocation.Allow, 0), says: "Allow without MaxStale"},
		{name: "Allow with a negative bound", chain: p.path(), policy: stale(revocation.Allow, -1), says: "negative"},
		{name: "a bound without Allow", chain: p.path(), policy: stale(revocation.Deny, 1), says: "MaxStale without Allow"},
		{name: "an unknown Unknown", chain: p.path(), policy: stale(7, 1), says: "Unknown"},
		{name: "an unknown depth", chain: p.path(), policy: revocation.Policy{Depth: -1}, says: "Depth"},
		{name: "an unknown agreement", chain: p.path(), policy: revocation.Policy{Agreement: 2}, says: "Agreement"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := &says{answer: answered(revocation.Good, 0, time.Hour)}
			c := &revocation.Checker{Sources: []revocation.Source{source}, Policy: test.policy, Time: clock}
			if test.noSources {
				c.Sources = nil
			}
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			err := c.Check(test.ctx, test.chain, nil)
			var unknown *revocation.UnknownError
			require.ErrorAs(t, err, &unknown)
			require.ErrorContains(t, err, test.says)
			require.Empty(t, source.asked)
			if test.ctx.Err() != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		})
	}
	t.Run("a source that is nil", func(t *testing.T) {
		c := &revocation.Checker{Sources: []revocation.Source{nil}, Time: clock}
		require.ErrorIs(t, c.Check(t.Context(), p.path(), nil), revocation.ErrNoSource)
	})
	t.Run("the zero Checker", func(t *testing.T) {
		require.ErrorIs(t, new(revocation.Checker).Check(t.Context(), p.path(), nil), revocation.ErrNoSource)
	})
}

// TestDecisionLogValue: a decision says in a log what was asked and answered.
func TestDecisionLogValue(t *testing.T) {
	p := newOCSPPKI(t)
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key != "decision" {
			return slog.Attr{}
		}
		return a
	}}))
	answer := answered(revocation.Good, -time.Hour, -time.Minute)
	answer.Cached = true
	c := &revocation.Checker{
		Sources: []revocation.Source{&says{answer: answer, err: revocation.ErrExpired}, &says{err: errors.New("no idea")}}, Time: clock,
		Policy: revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: time.Hour},
		Record: func(_ context.Context, d revocation.Decision) { logger.Info("", "decision", d) },
	}
	require.NoError(t, c.Check(t.Context(), p.path(), nil))
	require.Equal(t, `decision.outcome="accepted stale" decision.serial=abcdef decision.subject="CN=leaf.example" decision.issuer="CN=SubCA" `+
		`decision.at=2026-06-01T12:00:00.000Z decision.source1.kind=*revocation_test.says decision.source1.status=good `+
		`decision.source1.from=http://source decision.source1.cached=true decision.source1.this_update=2026-06-01T11:00:00.000Z `+
		`decision.source1.next_update=2026-06-01T11:59:00.000Z decision.source1.error=expired `+
		`decision.source2.kind=*revocation_test.says decision.source2.status=unspecified decision.source2.error="no idea"`+"\n", log.String())

	log.Reset()
	c.Sources, c.Policy = c.Sources[1:], revocation.Policy{Depth: revocation.EndEntity}
	require.Error(t, c.Check(t.Context(), p.path(), nil))
	require.Contains(t, log.String(), "outcome=refused")
	require.Contains(t, log.String(), "decision.error=")
}
