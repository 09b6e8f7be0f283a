// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// registries adds the cases of registry files, as the examples' -registry takes
// them.
func (g *generator) registries() {
	const system = `"asid":"200000000205","fqdns":["a.nhs.uk"]`
	add := func(name, rule, text string, asids ...string) {
		c := testdata.Case{Name: "registry: " + name, Clause: clauseRegistry, Verdict: testdata.Accept, Rule: rule, Registry: &testdata.Registry{Text: text, ASIDs: asids}}
		if rule != "" {
			c.Verdict = testdata.Refuse
		}
		if !utf8.ValidString(text) {
			c.Registry.Text, c.Registry.Octets = "", []byte(text)
		}
		g.add(c)
	}
	accepted := func(name, text string, asids ...string) { add(name, "", text, asids...) }
	refused := func(name, text string) { add(name, "registry", text) }
	one := func(members string) string { return `{"systems":[{` + members + `}]}` }

	accepted("an empty list of systems", `{"systems":[]}`)
	accepted("one system without interactions", one(system), "200000000205")
	accepted("four systems", registry, consumerASID, maintainerASID, certificateASID, "200000000208")
	accepted("two organisations and two names", one(`"asid":"200000000205","ods":["RR8","1E5"],"fqdns":["a.nhs.uk","b.nhs.uk"]`), "200000000205")
	accepted("an ODS code in small letters", one(system+`,"ods":["rr8"]`), "200000000205")
	accepted("an ASID that begins with zeros", one(`"asid":"000000000205","fqdns":["a.nhs.uk"]`), "000000000205")
	accepted("interactions of another API", one(system+`,"interactions":["urn:nhs:names:services:gpconnect:fhir:operation:gpc.getcarerecord"]`), "200000000205")
	accepted("a comma in an interaction: another URN, which grants neither", one(system+`,"interactions":["urn:nhs:names:services:nrl:DocumentReference.create,urn:nhs:names:services:nrl:DocumentReference.delete"]`), "200000000205")
	accepted("members in another order", one(`"interactions":["urn:nhs:names:services:nrl:DocumentReference.read"],"fqdns":["a.nhs.uk"],"ods":["RR8"],"asid":"200000000205"`), "200000000205")

	refused("empty", "")
	refused("no key systems", `{}`)
	refused("systems of null", `{"systems":null}`)
	refused("a list alone", `[]`)
	refused("truncated", strings.TrimSuffix(one(system), "]}"))
	refused("something behind it", `{"systems":[]} {"systems":[]}`)
	refused("an unknown key", `{"systems":[],"version":1}`)
	refused("an unknown key of a system", one(system+`,"name":"x"`))
	refused("a key in other letters", `{"Systems":[]}`)
	refused("a key of a system in other letters", one(system+`,"ODS":["RR8"]`))
	refused("a key twice", `{"systems":[],"systems":[]}`)
	refused("a key of a system twice", one(system+`,"asid":"200000000206"`))
	refused("a key twice, once escaped", one(system+`,"\u0061sid":"200000000206"`))
	refused("an ASID as a number", one(`"asid":200000000205,"fqdns":["a.nhs.uk"]`))
	refused("an ASID of 11 digits", one(`"asid":"20000000020","fqdns":["a.nhs.uk"]`))
	refused("an ASID of 13 digits", one(`"asid":"2000000002055","fqdns":["a.nhs.uk"]`))
	refused("an ASID with a blank", one(`"asid":" 200000000205","fqdns":["a.nhs.uk"]`))
	refused("an ASID of null", one(`"asid":null,"fqdns":["a.nhs.uk"]`))
	refused("no ASID", one(`"fqdns":["a.nhs.uk"]`))
	refused("an ASID twice", `{"systems":[{`+system+`},{`+system+`}]}`)
	refused("an ASID twice, of two organisations", `{"systems":[{`+system+`,"ods":["RR8"]},{`+system+`,"ods":["RXA"]}]}`)
	refused("no FQDN", one(`"asid":"200000000205"`))
	refused("no FQDN in the list", one(`"asid":"200000000205","fqdns":[]`))
	refused("a wildcard for an FQDN", one(`"asid":"200000000205","fqdns":["*.nhs.uk"]`))
	refused("an FQDN with a port", one(`"asid":"200000000205","fqdns":["a.nhs.uk:443"]`))
	refused("an FQDN twice, once in capitals", one(`"asid":"200000000205","fqdns":["a.nhs.uk","A.nhs.uk"]`))
	refused("text where a list belongs", one(`"asid":"200000000205","fqdns":"a.nhs.uk"`))
	refused("an ODS code with a blank", one(system+`,"ods":["R R"]`))
	refused("an ODS code twice, once in small letters", one(system+`,"ods":["RR8","rr8"]`))
	refused("ODS codes of null", one(system+`,"ods":null`))
	refused("a null among the ODS codes", one(system+`,"ods":[null]`))
	refused("an interaction that is no URN", one(system+`,"interactions":["DocumentReference.create"]`))
	refused("an interaction twice", one(system+`,"interactions":["urn:nhs:names:services:nrl:DocumentReference.create","urn:nhs:names:services:nrl:DocumentReference.create"]`))
	refused("a comment", `{"systems":[]} // a comment`)
	refused("a comma behind the last", `{"systems":[],}`)
	refused("invalid UTF-8", one(system+",\"ods\":[\"\xff\"]"))
	refused("a byte order mark", "\ufeff"+one(system))
}
