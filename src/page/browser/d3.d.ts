// The parts of d3's modules that the page uses, for tsc and editors; the bundler does not read it.

declare module "d3-hierarchy" {
  export interface HierarchyNode<T> {
    data: T;
    depth: number;
    value?: number;
    each(visit: (node: HierarchyNode<T>) => void): this;
    sort(compare: (a: HierarchyNode<T>, b: HierarchyNode<T>) => number): this;
  }
  export function hierarchy<T>(data: T, children: (data: T) => T[]): HierarchyNode<T>;
  export interface Partition<T> {
    (root: HierarchyNode<T>): HierarchyNode<T> & { x0: number; x1: number; y0: number; y1: number };
    size(size: [number, number]): this;
  }
  export function partition<T>(): Partition<T>;
}

declare module "d3-scale" {
  export interface Scale {
    (value: number): number;
    domain(domain: number[]): this;
    range(range: number[]): this;
    ticks(count?: number): number[];
    invert(position: number): number;
  }
  export function scaleLinear(): Scale;
}

declare module "d3-shape" {
  export interface Line {
    (points: [number, number][]): string | null;
    curve(curve: unknown): this;
  }
  export function line(): Line;
  export const curveStepAfter: unknown;
}

declare module "d3-axis" {
  export interface Axis {
    (selection: any): void;
    tickValues(values: number[]): this;
    tickFormat(format: (value: number, index: number) => string): this;
    tickSizeOuter(size: number): this;
    tickSizeInner(size: number): this;
    tickPadding(padding: number): this;
  }
  export function axisBottom(scale: any): Axis;
  export function axisLeft(scale: any): Axis;
}

declare module "d3-selection" {
  export function select(element: Element): any;
}
