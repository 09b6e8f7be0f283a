// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/cedar-policy/cedar-go"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// systems is how many ASIDs there are, each with five interactions.
const systems = 10_000

var interactions = []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceSearch, asid.DocumentReferenceCreate,
	asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete}

func id(i int) string { return fmt.Sprintf("%012d", 200_000_000_000+i) }

// BenchmarkDecision asks whether a system may perform an interaction, from the
// two strings of a request's headers.
func BenchmarkDecision(b *testing.B) {
	ids := make([]string, systems)
	for i := range ids {
		ids[i] = id(i)
	}
	b.Run("this library", func(b *testing.B) {
		var list []asid.System
		for _, id := range ids {
			list = append(list, asid.System{ASID: asid.MustParseID(id), FQDNs: []string{"a.nhs.uk"}, Interactions: interactions})
		}
		memory, err := asid.NewMemory(list...)
		check(err)
		authorizer := &asid.Authorizer{Registry: memory, Self: asid.MustParseID("999999999999"), Peers: asid.InsecureUnverifiedPeers{}}
		names, err := asid.NamesOf(newNamed())
		check(err)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			from, err := asid.ParseID(ids[i%systems])
			check(err)
			_, err = authorizer.Authorize(context.Background(), asid.Access{From: from, Observed: interactions[i%5], Names: names})
			check(err)
			i++
		}
	})
	b.Run("cedar", func(b *testing.B) {
		set, err := cedar.NewPolicySetFromBytes("", []byte(`permit(principal, action, resource) when { principal.interactions.contains(context.interaction) };`))
		check(err)
		granted := make([]cedar.Value, len(interactions))
		for i, interaction := range interactions {
			granted[i] = cedar.String(interaction)
		}
		entities := cedar.EntityMap{}
		for _, id := range ids {
			uid := cedar.NewEntityUID("System", cedar.String(id))
			entities[uid] = cedar.Entity{UID: uid, Attributes: cedar.NewRecord(cedar.RecordMap{"interactions": cedar.NewSet(granted...)})}
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			ok, _ := cedar.Authorize(set, entities, cedar.Request{
				Principal: cedar.NewEntityUID("System", cedar.String(ids[i%systems])), Action: cedar.NewEntityUID("Action", "call"),
				Resource: cedar.NewEntityUID("Service", "nrl"),
				Context:  cedar.NewRecord(cedar.RecordMap{"interaction": cedar.String(interactions[i%5])}),
			})
			if ok != cedar.Allow {
				b.Fatal("denied")
			}
			i++
		}
	})
	b.Run("casbin", func(b *testing.B) {
		m, err := model.NewModelFromString(casbinModel)
		check(err)
		enforcer, err := casbin.NewEnforcer(m)
		check(err)
		for _, interaction := range interactions {
			_, err := enforcer.AddPolicy("provider", string(interaction))
			check(err)
		}
		for _, id := range ids {
			_, err := enforcer.AddGroupingPolicy(id, "provider")
			check(err)
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			ok, err := enforcer.Enforce(ids[i%systems], string(interactions[i%5]))
			if err != nil || !ok {
				b.Fatal(ok, err)
			}
			i++
		}
	})
}

// casbinModel has systems in groups, and what each group may do.
const casbinModel = `
[request_definition]
r = sub, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.act == p.act
`

// newNamed returns a certificate for the FQDN that the systems have registered.
func newNamed() *x509.Certificate {
	s := newSpine()
	return issue(&x509.Certificate{SerialNumber: big.NewInt(4), Subject: pkix.Name{CommonName: "a.nhs.uk"}}, s.subCA, s.subCAKey, s.subCAKey)
}
