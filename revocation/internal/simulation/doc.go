// SPDX-License-Identifier: Apache-2.0

// Package simulation holds the deterministic simulation of revocation over time;
// all of it is tests. A seed is a history of days to months on a virtual clock:
//
//   - A world: a CA that publishes complete and delta CRLs and OCSP answers and
//     goes wrong as CAs do, two mirrors that lag, hang, fail and serve the wrong
//     thing, an attacker who replays, blocks and may hold a delegated responder's
//     key, operators who add files, and processes that share a Cache, start, stop,
//     crash and have their clocks stepped.
//   - An oracle that knows which documents each process has received and decides
//     by the rules for a set of documents that only grows (oracle_test.go). It is
//     written from those rules and shares no code with the package revocation.
//   - Processes, which are the package revocation seen from outside: sources, a
//     Checker, a Cache and a Fetcher.
//
// After each step what a process answers is compared with what the oracle says. A
// history that fails is made as short as possible and printed.
//
//	go test ./revocation/internal/simulation -run TestSeeds -seeds 1000 -first 1
//	go test ./revocation/internal/simulation -run TestSeeds -seeds 1 -first 4711 -v
//
// Odd seeds are histories by hand: nothing is fetched, operators hand over lists,
// files of several and answers, so that it is certain what a process knows, and most
// is about one leaf and its lists. They try the rules about documents, and take some
// 6 ms. Even seeds have the network and try, beside these, what is asked when: some
// 18 ms, for some 600 requests and 80 merges into the store. The CAs' keys are of a
// group in which verification costs next to nothing (keys_test.go); package revocation
// uses 70 % of the CPU, and the simulated world and the oracle 20 %. Days pass while all machines are suspended, and the processes
// live through the hours between; one history in 400 they live through as a whole.
// What the processes do at random, and how their goroutines take turns, is not a
// matter of the seed, so that a fault may show now and then. -parity plays one half
// alone.
//
// That the histories tell what is wrong from what is right is shown by breaking it.
// The tag rules adds a test that breaks one rule of the model after another and names
// the seed that tells. The tag mutations does the same to the package, by the table in
// mutationtable_test.go, which has the seed for each; -only plays those whose name
// contains something. Both take minutes:
//
//	go test ./revocation/internal/simulation -tags rules -run ModelRules -seeds 10000 -v
//	go test ./revocation/internal/simulation -tags mutations -run Mutations -timeout 0 -v
//	go test ./revocation/internal/simulation -tags mutations -run Mutations -timeout 0 -v -only deltas:
package simulation
