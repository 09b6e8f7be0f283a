// SPDX-License-Identifier: Apache-2.0

package corpus

// The systems that requests are from and to.
const (
	nrlASID, providerASID, consumerASID = "999999999999", "200000000205", "928942012545"
	consumerFQDN, maintainerFQDN        = "consumer.corpus.nhs.uk", "maintainer.corpus.nhs.uk"
	maintainerASID, certificateASID     = "200000000206", "200000000207"
	nrlInteraction                      = "urn:nhs:names:services:nrl:DocumentReference."
)

// registry is the registry that the requests are judged by.
const registry = `{"systems": [
  {"asid": "928942012545", "ods": ["RXA"], "fqdns": ["consumer.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read", "urn:nhs:names:services:nrl:DocumentReference.search"]},
  {"asid": "200000000206", "ods": ["RR8"], "fqdns": ["maintainer.corpus.nhs.uk", "second.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update", "urn:nhs:names:services:nrl:DocumentReference.delete"]},
  {"asid": "200000000207", "ods": ["RXA"], "fqdns": ["msg.int.spine2.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read"]},
  {"asid": "200000000208", "ods": ["RXA"], "fqdns": ["other.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update"]}
]}
`
