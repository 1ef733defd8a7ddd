"""Where the nodes of a graph are drawn: in columns from left to right, with few crossings.

The classic scheme (Sugiyama et al., 1981): columns by distance to the output; long edges get a place to pass
through in each column on their way, so that they run around nodes; orders by the mean place of neighbours;
heights by least squares. A point is a node, or (node, column) where edges out of that node pass.
"""

from itertools import pairwise

SWEEPS = 12


def layout(nodes):
    """Return the places of nodes, and the ways of edges.

    Parameters
    ----------
    nodes : list of Node
        Each after its parents, the output last.

    Returns
    -------
    places : dict
        {node: (column, row)}; columns are ints from 0, rows are floats, at least 1 apart in a column.
    ways : list of (list of (column, row), Node, Node)
        Of each edge the points that it passes between parent and child, both excluded.
    """
    column = {nodes[-1]: 0}
    for node in reversed(nodes):  # a node stands one column left of the leftmost node that it feeds
        last = column.setdefault(node, 0)  # a node that feeds nothing stands in the last column
        for parent in node.parents:
            column[parent] = min(column.get(parent, 0), last - 1)
    first = min(column.values())
    column = {node: c - first for node, c in column.items()}
    columns = [[] for _ in range(1 - first)]
    for node in nodes:
        columns[column[node]].append(node)
    left, right, passed = _chains(nodes, column, columns)
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        neighbours = left if forwards else right
        for points in columns if forwards else reversed(columns):
            _order(points, neighbours, {p: i for c in columns for i, p in enumerate(c)})
    rows = _heights(columns, left, right)
    places = {node: (c, rows[node]) for node, c in column.items()}
    ways = [([(p[1], rows[p]) for p in between], parent, child) for parent, child, between in passed]
    return places, ways


def _chains(nodes, column, columns):
    """Give long edges points to pass through; return each point's neighbours, and the edges."""
    left, right, passed = {}, {}, []  # the neighbours of a point are the keys of a dict: each once, in order
    for child in nodes:
        for parent in dict.fromkeys(child.parents):
            between = [(parent, c) for c in range(column[parent] + 1, column[child])]
            passed.append((parent, child, between))
            for a, b in pairwise([parent, *between, child]):
                right.setdefault(a, {})[b] = left.setdefault(b, {})[a] = None
            for point in between:
                if point not in columns[point[1]]:
                    columns[point[1]].append(point)
    return left, right, passed


def _order(points, neighbours, index):
    def centre(point):
        near = [index[n] for n in neighbours.get(point, ())]
        return sum(near) / len(near) if near else index[point]

    points.sort(key=centre)


def _heights(columns, left, right):
    """Return each point's row: near the mean of its neighbours', and 1 from the next in its column."""
    rows = {p: i - (len(c) - 1) / 2 for c in columns for i, p in enumerate(c)}
    for sweep in range(2 * SWEEPS):
        for points in columns if sweep % 2 == 0 else reversed(columns):
            wanted = []
            for p in points:
                near = [rows[n] for n in (*left.get(p, ()), *right.get(p, ()))]
                wanted.append(sum(near) / len(near) if near else rows[p])
            rows.update(zip(points, _spread(wanted), strict=True))
    return rows


def _spread(wanted):
    """Return increasing numbers, at least 1 apart, of least squared distance to those wanted."""
    blocks = []  # pool adjacent violators: [sum of (wanted - index), count]
    for i, w in enumerate(wanted):
        blocks.append([w - i, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    means = [total / count for total, count in blocks for _ in range(count)]
    return [mean + i for i, mean in enumerate(means)]
