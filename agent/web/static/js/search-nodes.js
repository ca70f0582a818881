// Nodes of a kept search (agent.trace_document) with their children.

import { words } from "./format.js";

/** A tree of /api/searches/{id} -> its nodes, each with `children`, `reasons`, and its summary and evidence as they can be shown. */
export function nodesOf(tree) {
  const nodes = tree.nodes.map((node) => ({
    ...node,
    summary: words(node.summary),
    reasons: node.verdict?.reasons ?? [],
    evidence: node.evidence ?? [],
    children: [],
  }));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) byId.get(node.parent)?.children.push(node);
  return nodes;
}
