import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';
import { escapeRegex } from './regex';

const REFERENCE = /\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]/g;
const ALL_TEXT = 'All';

type Selected = string | string[];

/** Whether a text refers to a dashboard variable. */
export function hasVariable(text: string): boolean {
  return text.includes('$') || text.includes('[[');
}

/** The dashboard's variables, as a panel sees them. */
export class Variables {
  constructor(
    private readonly templateSrv: TemplateSrv,
    private readonly scopedVars?: ScopedVars
  ) {}

  replace(text: string): string {
    return this.templateSrv.replace(text, this.scopedVars);
  }

  /** One string for each combination of the values that the variables in `text` stand for. */
  expand(text: string): string[] {
    const selections: string[][] = [];
    const replaced = this.templateSrv.replace(text, this.scopedVars, (value: Selected) => {
      selections.push([value].flat().map(String));
      return '';
    });
    if (selections.length === 0) {
      return replaced === '' && text !== '' ? [] : [replaced];
    }
    const expanded = combinations(selections).map((choice) => {
      let next = 0;
      return this.templateSrv.replace(text, this.scopedVars, () => choice[next++] ?? '');
    });
    return this.isUnset(text) ? expanded.filter((value) => value !== '') : expanded;
  }

  /** The regular expression that `text` stands for; undefined where it should match anything. */
  pattern(text: string): string | undefined {
    const replaced = this.templateSrv.replace(text, this.scopedVars, (value: Selected) => {
      const escaped = [value].flat().map((one) => escapeRegex(String(one)));
      return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
    });
    const anything = this.names(text).some((name) => this.isAll(name) && !this.hasCustomAll(name));
    return anything || replaced === '' ? undefined : replaced;
  }

  standsForAll(text: string): boolean {
    return this.names(text).some((name) => this.isAll(name));
  }

  private names(text: string): string[] {
    return [...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  }

  /** Told by the text in the panel's scope: a repeated panel narrows All to one value, which the list of variables does not show. */
  private isAll(name: string): boolean {
    const selected = this.selected(name);
    const isValueCalledAll = selected?.length === 1 && selected[0] === ALL_TEXT;
    return this.text(name) === ALL_TEXT && !isValueCalledAll;
  }

  /** Grafana puts a custom all value in as it was written, without asking for its format. */
  private hasCustomAll(name: string): boolean {
    return this.selected(name) === undefined;
  }

  private isUnset(text: string): boolean {
    return this.names(text).every((name) => this.text(name) === '');
  }

  private text(name: string): string {
    return this.templateSrv.replace(`\${${name}:text}`, this.scopedVars);
  }

  private selected(name: string): string[] | undefined {
    let selected: string[] | undefined;
    this.templateSrv.replace(`\${${name}}`, this.scopedVars, (value: Selected) => {
      selected = [value].flat().map(String);
      return '';
    });
    return selected;
  }
}

function combinations(lists: string[][]): string[][] {
  return lists.reduce<string[][]>((heads, list) => heads.flatMap((head) => list.map((last) => [...head, last])), [[]]);
}
