//! Where the boxes and lines of a drawing go: a layered layout from top to bottom (after Sugiyama, Tagawa and Toda 1981).
//!
//! Layers by longest path, order by barycentres, positions by least squares under "keep the order and the gaps".  Knows
//! nothing of what the boxes mean.

/// A point, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// A box that was placed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    /// Whether two boxes share an inner point.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.x + other.w
            && other.x < self.x + self.w
            && self.y < other.y + other.h
            && other.y < self.y + self.h
    }
}

/// A finished layout.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// One for each box given.
    pub boxes: Vec<Rect>,
    /// One for each edge given: points from its source to its target; between two of them it runs down (or up) smoothly.
    pub routes: Vec<Vec<Point>>,
    pub width: f64,
    pub height: f64,
}

const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 46.0;
const LANE: f64 = 16.0;
const SWEEPS: usize = 24;
/// Up to how many cells the order is refined pair by pair.
const SMALL: usize = 150;

/// A box, or a place where a long edge crosses a layer.
struct Cell {
    w: f64,
    h: f64,
    layer: usize,
    up: Vec<usize>,
    down: Vec<usize>,
    x: f64,
    real: bool,
}

/// Places boxes of these sizes; an edge whose source comes after its target is drawn upwards.
pub(super) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let mut cells: Vec<Cell> = sizes
        .iter()
        .map(|(w, h)| Cell {
            w: *w,
            h: *h,
            layer: 0,
            up: Vec::new(),
            down: Vec::new(),
            x: 0.0,
            real: true,
        })
        .collect();
    // Boxes come in topological order, so that one pass finds the longest paths.
    let mut sorted: Vec<(usize, usize)> =
        edges.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
    sorted.sort_by_key(|(_, b)| *b);
    for (a, b) in sorted {
        if a != b && b < cells.len() {
            cells[b].layer = cells[b].layer.max(cells[a].layer + 1);
        }
    }
    let chains: Vec<Vec<usize>> = edges
        .iter()
        .map(|(a, b)| chain(&mut cells, *a, *b))
        .collect();
    let mut layers = order(&cells);
    place(&mut cells, &layers);
    for layer in &mut layers {
        layer.sort_by(|a, b| cells[*a].x.total_cmp(&cells[*b].x));
    }
    finish(&cells, &layers, sizes.len(), edges, &chains)
}

/// Cells from the upper to the lower end of an edge, with new ones on the layers between.
fn chain(cells: &mut Vec<Cell>, a: usize, b: usize) -> Vec<usize> {
    let (top, bottom) = (a.min(b), a.max(b));
    let mut out = vec![top];
    if top == bottom || bottom >= cells.len() {
        return out;
    }
    for layer in cells[top].layer + 1..cells[bottom].layer {
        cells.push(Cell {
            w: LANE,
            h: 0.0,
            layer,
            up: Vec::new(),
            down: Vec::new(),
            x: 0.0,
            real: false,
        });
        out.push(cells.len() - 1);
    }
    out.push(bottom);
    for pair in out.windows(2) {
        cells[pair[0]].down.push(pair[1]);
        cells[pair[1]].up.push(pair[0]);
    }
    out
}

/// Orders each layer so that few edges cross.
fn order(cells: &[Cell]) -> Vec<Vec<usize>> {
    let depth = cells.iter().map(|c| c.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (i, cell) in cells.iter().enumerate() {
        layers[cell.layer].push(i);
    }
    let mut best = (crossings(cells, &layers), layers.clone());
    for sweep in 0..SWEEPS {
        let mut rank = vec![0.0; cells.len()];
        for layer in &layers {
            for (at, i) in layer.iter().enumerate() {
                rank[*i] = at as f64;
            }
        }
        let down = sweep % 2 == 0;
        for step in 0..depth {
            let at = if down { step } else { depth - 1 - step };
            let key = |i: usize| {
                let near = if down { &cells[i].up } else { &cells[i].down };
                if near.is_empty() {
                    rank[i]
                } else {
                    near.iter().map(|n| rank[*n]).sum::<f64>() / near.len() as f64
                }
            };
            let mut keyed: Vec<(f64, usize)> = layers[at].iter().map(|i| (key(*i), *i)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (place, (_, i)) in keyed.iter().enumerate() {
                rank[*i] = place as f64;
            }
            layers[at] = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let count = crossings(cells, &layers);
        if count < best.0 {
            best = (count, layers.clone());
        }
    }
    if cells.len() <= SMALL {
        swap_neighbours(cells, &mut best.1, best.0);
    }
    best.1
}

/// Swaps neighbours of a layer as long as that leaves fewer crossings: barycentres alone miss some.
fn swap_neighbours(cells: &[Cell], layers: &mut [Vec<usize>], mut count: usize) {
    let mut moved = true;
    while moved && count > 0 {
        moved = false;
        for at in 0..layers.len() {
            for left in 1..layers[at].len() {
                layers[at].swap(left - 1, left);
                let now = crossings(cells, layers);
                if now < count {
                    count = now;
                    moved = true;
                } else {
                    layers[at].swap(left - 1, left);
                }
            }
        }
    }
}

fn crossings(cells: &[Cell], layers: &[Vec<usize>]) -> usize {
    let mut rank = vec![0; cells.len()];
    for layer in layers {
        for (at, i) in layer.iter().enumerate() {
            rank[*i] = at;
        }
    }
    let mut count = 0;
    for layer in layers {
        let lines: Vec<(usize, usize)> = layer
            .iter()
            .flat_map(|i| cells[*i].down.iter().map(|d| (rank[*i], rank[*d])))
            .collect();
        for (k, a) in lines.iter().enumerate() {
            let crosses =
                |b: &&(usize, usize)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
            count += lines.iter().skip(k + 1).filter(crosses).count();
        }
    }
    count
}

/// Finds `x` (centres) of every cell.
fn place(cells: &mut [Cell], layers: &[Vec<usize>]) {
    for layer in layers {
        let mut x = 0.0;
        for i in layer {
            cells[*i].x = x + cells[*i].w / 2.0;
            x += cells[*i].w + GAP_X;
        }
    }
    let depth = layers.len();
    for pass in 0..4 * SWEEPS {
        for step in 0..depth {
            let at = if pass % 2 == 0 {
                step
            } else {
                depth - 1 - step
            };
            let wish = |i: &usize| {
                let cell = &cells[*i];
                let (mut sum, mut weight) = (0.0, 0.0);
                for n in cell.up.iter().chain(&cell.down) {
                    // A long edge should be straight before a short one is.
                    let w = if !cell.real && !cells[*n].real {
                        8.0
                    } else {
                        1.0
                    };
                    sum += w * cells[*n].x;
                    weight += w;
                }
                if weight > 0.0 { sum / weight } else { cell.x }
            };
            let wishes: Vec<f64> = layers[at].iter().map(wish).collect();
            let found = settle(cells, &layers[at], &wishes);
            for (i, x) in layers[at].iter().zip(found) {
                cells[*i].x = x;
            }
        }
    }
}

/// The positions nearest to the wishes that keep order and gaps: pool adjacent violators.
fn settle(cells: &[Cell], layer: &[usize], wishes: &[f64]) -> Vec<f64> {
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    for (k, i) in layer.iter().enumerate() {
        if k > 0 {
            let before = &cells[layer[k - 1]];
            offset += f64::midpoint(before.w, cells[*i].w) + GAP_X;
        }
        offsets.push(offset);
    }
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (wish, offset) in wishes.iter().zip(&offsets) {
        let mut pool = (wish - offset, 1);
        while let Some(last) = pools.last().copied().filter(|last| last.0 > pool.0) {
            pools.pop();
            let n = (last.1 + pool.1) as f64;
            pool = (
                (last.0 * last.1 as f64 + pool.0 * pool.1 as f64) / n,
                last.1 + pool.1,
            );
        }
        pools.push(pool);
    }
    let spread = pools.iter().flat_map(|(x, n)| std::iter::repeat_n(*x, *n));
    spread.zip(offsets).map(|(x, offset)| x + offset).collect()
}

fn finish(
    cells: &[Cell],
    layers: &[Vec<usize>],
    boxes: usize,
    edges: &[(usize, usize)],
    chains: &[Vec<usize>],
) -> Layout {
    let left = cells
        .iter()
        .map(|c| c.x - c.w / 2.0)
        .fold(f64::INFINITY, f64::min);
    let left = if left.is_finite() { left } else { 0.0 };
    let mut tops = Vec::with_capacity(layers.len());
    let mut y = 0.0;
    for layer in layers {
        let h = layer.iter().map(|i| cells[*i].h).fold(0.0, f64::max);
        tops.push((y, h));
        y += h + GAP_Y;
    }
    let rect = |c: &Cell| {
        let (top, h) = tops[c.layer];
        Rect {
            x: c.x - c.w / 2.0 - left,
            y: top + (h - c.h) / 2.0,
            w: c.w,
            h: c.h,
        }
    };
    let ports = ports(cells, chains);
    let routes = edges
        .iter()
        .zip(chains)
        .zip(&ports)
        .map(|(((a, b), chain), (out, into))| {
            let mut points = Vec::new();
            for (k, i) in chain.iter().enumerate() {
                let cell = &cells[*i];
                let (top, h) = tops[cell.layer];
                let r = rect(cell);
                let x = cell.x - left;
                if k == 0 {
                    points.push(Point {
                        x: x + out,
                        y: r.y + r.h,
                    });
                } else if k + 1 == chain.len() {
                    points.push(Point {
                        x: x + into,
                        y: r.y,
                    });
                } else {
                    points.push(Point { x, y: top });
                    points.push(Point { x, y: top + h });
                }
            }
            if a > b {
                points.reverse();
            }
            points
        })
        .collect();
    let rects: Vec<Rect> = cells.iter().take(boxes).map(rect).collect();
    Layout {
        width: cells
            .iter()
            .map(rect)
            .map(|r| r.x + r.w)
            .fold(0.0, f64::max),
        height: (y - GAP_Y).max(0.0),
        boxes: rects,
        routes,
    }
}

/// How far from the middle of its boxes each edge leaves and enters, so that edges do not lie on each other.
fn ports(cells: &[Cell], chains: &[Vec<usize>]) -> Vec<(f64, f64)> {
    let mut out = vec![(0.0, 0.0); chains.len()];
    for (i, cell) in cells.iter().enumerate() {
        let mut leaving: Vec<(f64, usize)> = Vec::new();
        let mut entering: Vec<(f64, usize)> = Vec::new();
        for (e, chain) in chains.iter().enumerate() {
            if let [first, second, ..] = chain.as_slice()
                && *first == i
            {
                leaving.push((cells[*second].x, e));
            }
            if let [.., before, last] = chain.as_slice()
                && *last == i
            {
                entering.push((cells[*before].x, e));
            }
        }
        for (list, side) in [(&mut leaving, 0), (&mut entering, 1)] {
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            let step = (cell.w * 0.7 / list.len().max(1) as f64).min(22.0);
            for (k, (_, e)) in list.iter().enumerate() {
                let shift = (k as f64 - (list.len() - 1) as f64 / 2.0) * step;
                if side == 0 {
                    out[*e].0 = shift;
                } else {
                    out[*e].1 = shift;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_keep_their_distance_and_edges_run_down_unless_they_go_back() {
        let sizes = vec![(100.0, 50.0); 7];
        let edges = [
            (0, 1),
            (0, 2),
            (1, 3),
            (2, 3),
            (0, 4),
            (3, 5),
            (4, 5),
            (0, 6),
            (5, 3),
        ];
        let out = layout(&sizes, &edges);
        for (i, a) in out.boxes.iter().enumerate() {
            for b in &out.boxes[i + 1..] {
                assert!(!a.overlaps(b), "{a:?} {b:?}");
            }
            assert!(a.x >= 0.0 && a.x + a.w <= out.width + 1e-9);
            assert!(a.y >= 0.0 && a.y + a.h <= out.height + 1e-9);
        }
        for ((a, b), route) in edges.iter().zip(&out.routes) {
            let down = route.windows(2).all(|p| p[0].y <= p[1].y);
            let up = route.windows(2).all(|p| p[0].y >= p[1].y);
            assert!(if a < b { down } else { up }, "{a} -> {b}: {route:?}");
        }
    }

    #[test]
    fn the_order_of_layers_untangles_a_crossing() {
        // Two sources whose targets come in the opposite order.
        let cells_cross = layout(&[(50.0, 20.0); 4], &[(0, 3), (1, 2)]);
        let [a, b, c, d] = cells_cross.boxes[..] else {
            panic!("four boxes")
        };
        assert_eq!(a.x < b.x, d.x < c.x, "no crossing is left");
    }

    #[test]
    fn settling_moves_no_more_than_needed() {
        let cell = |w| Cell {
            w,
            h: 1.0,
            layer: 0,
            up: vec![],
            down: vec![],
            x: 0.0,
            real: true,
        };
        let cells = [cell(10.0), cell(10.0), cell(10.0)];
        let found = settle(&cells, &[0, 1, 2], &[0.0, 0.0, 500.0]);
        assert_eq!(found, [-19.0, 19.0, 500.0]);
    }

    #[test]
    fn nothing_gives_nothing() {
        let out = layout(&[], &[]);
        assert_eq!((out.boxes.len(), out.height), (0, 0.0));
    }
}
