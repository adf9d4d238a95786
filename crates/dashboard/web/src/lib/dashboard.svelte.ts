import { Api } from './api';
import { byArea, categories, ofCategory, valuesOf, viewChoices, type ViewChoice } from './data';
import { quantileClasses } from './scale';
import { Remote } from './remote.svelte';
import { storedKey, storeKey } from './session';
import { synthetic } from './synthetic';
import type { Area, AreaList, Boundaries, DataDocument, IndicatorList, Me } from './types';
import { keyOf, NOTHING, readChoice, writeChoice, type Choice } from './url';
import { categoryWords } from './words';

/** Everything the page shows, derived from the choice in its address and the service's answers. */
export class Dashboard {
  choice = $state.raw<Choice>(NOTHING);
  key = $state<string | null>(null);
  me = new Remote<Me>();
  catalogue = new Remote<IndicatorList>();
  data = new Remote<DataDocument>();
  areas = new Remote<AreaList>();
  boundaries = new Remote<Boundaries>();
  districts = new Remote<Boundaries>();
  places = new Remote<Boundaries>();
  private wantedData = '';
  private wantedAreas = '';

  api = $derived(new Api(this.key));
  indicators = $derived(this.catalogue.value?.indicators ?? []);
  indicator = $derived(this.indicators.find((indicator) => indicator.id === this.choice.indicator));
  views = $derived(this.indicator ? viewChoices(this.indicator.views) : []);
  view: ViewChoice | undefined = $derived(
    this.views.find((v) => v.areaType === this.choice.areaType && v.periodType === this.choice.periodType)
  );
  periods = $derived(this.view?.periods ?? []);
  period = $derived(
    this.periods.find((period) => period.period === this.choice.period) ?? this.periods[this.periods.length - 1]
  );
  /** False while rows of an earlier choice are still here. */
  current = $derived(
    !this.data.loading && this.data.value !== null && this.data.value.indicator === this.choice.indicator
  );
  allRows = $derived(this.current ? (this.data.value?.rows ?? []) : []);
  /** What must be said of all rows, or why there are none. */
  notes = $derived(this.current ? (this.data.value?.notes ?? []) : []);
  categories = $derived(categories(this.allRows, this.choice.breakdown));
  categoryRows = $derived(ofCategory(this.allRows, this.choice.breakdown, this.choice.category));
  rows = $derived(byArea(this.categoryRows, this.period?.period ?? ''));
  classes = $derived(quantileClasses(valuesOf(this.categoryRows), this.indicator?.decimals ?? 0));
  areasByCode = $derived(new Map((this.areas.value?.areas ?? []).map((area): [string, Area] => [area.code, area])));
  /** Of small areas, the names of the larger areas that hold them: codes say little to people. */
  placeNames = $derived(
    new Map(
      [...this.areasByCode].flatMap(([code, { parents }]): [string, string][] => {
        const place = parents.find((parent) => parent.area_type === 'msoa')?.name;
        return place ? [[code, place]] : [];
      })
    )
  );
  synthetic = $derived(
    synthetic({
      catalogue: this.catalogue.value,
      indicator: this.indicator,
      data: this.current ? this.data.value : null,
      areas: this.areas.value
    })
  );
  selected = $derived(this.rows.get(this.choice.area));
  categoryText = $derived(
    this.choice.breakdown && this.choice.category && this.choice.category !== 'all'
      ? categoryWords(this.choice.breakdown, this.choice.category)
      : ''
  );

  async start(): Promise<void> {
    const given = keyOf(location.hash);
    this.key = given ?? storedKey(globalThis.sessionStorage);
    this.choice = readChoice(location.search);
    if (given) {
      storeKey(globalThis.sessionStorage, given);
      // The key must not stay where it can be shared, bookmarked or seen.
      history.replaceState(null, '', `${location.pathname}${location.search}`);
    }
    addEventListener('popstate', () => {
      this.choice = readChoice(location.search);
      this.complete();
      this.loadChosen();
    });
    void this.districts.load((signal) => this.api.boundaries('district', signal));
    void this.places.load((signal) => this.api.boundaries('msoa', signal));
    await this.loadCatalogue();
  }

  async loadCatalogue(): Promise<void> {
    const { api } = this;
    if (this.key) void this.me.load((signal) => api.me(signal));
    await this.catalogue.load((signal) => api.indicators(signal));
    this.complete();
    this.loadChosen();
  }

  async signIn(key: string): Promise<boolean> {
    await this.me.load((signal) => new Api(key).me(signal));
    if (!this.me.value) return false;
    this.key = key;
    storeKey(globalThis.sessionStorage, key);
    this.wantedData = '';
    await this.loadCatalogue();
    return true;
  }

  async signOut(): Promise<void> {
    this.key = null;
    storeKey(globalThis.sessionStorage, null);
    this.me = new Remote<Me>();
    this.data = new Remote<DataDocument>();
    this.wantedData = '';
    if (this.indicator?.tier !== 'public') this.choice = NOTHING;
    await this.loadCatalogue();
    this.remember('replace');
  }

  /** Changes the choice; what no longer fits (a view, a period, an area) falls back to the nearest that does. */
  choose(change: Partial<Choice>): void {
    const before = this.choice;
    this.choice = { ...before, ...change };
    this.complete();
    const samePicture = 'period' in change || 'area' in change;
    this.remember(samePicture ? 'replace' : 'push');
    this.loadChosen();
  }

  /** The address of this page as a link to share: never with the key. */
  get link(): string {
    return `${location.origin}${location.pathname}${writeChoice(this.choice)}`;
  }

  private remember(how: 'push' | 'replace'): void {
    const address = `${location.pathname}${writeChoice(this.choice)}`;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  /** Fills in what the address leaves open. */
  private complete(): void {
    if (!this.catalogue.value) return;
    const choice = { ...this.choice };
    if (!choice.indicator) {
      const first =
        this.indicators.find((i) => i.views.some((v) => v.area_type === 'lsoa' && v.period_type !== 'month')) ??
        this.indicators[0];
      choice.indicator = first?.id ?? '';
    }
    const indicator = this.indicators.find((i) => i.id === choice.indicator);
    if (indicator) {
      const views = viewChoices(indicator.views);
      const view =
        views.find((v) => v.areaType === choice.areaType && v.periodType === choice.periodType) ??
        views.find((v) => v.areaType === choice.areaType) ??
        views[0];
      choice.areaType = view?.areaType ?? '';
      choice.periodType = view?.periodType ?? '';
      if (!view?.breakdowns.includes(choice.breakdown)) choice.breakdown = choice.category = '';
      if (!view?.periods.some((period) => period.period === choice.period)) choice.period = '';
    }
    this.choice = choice;
  }

  private loadChosen(): void {
    const { api, choice } = this;
    if (!choice.indicator || !this.catalogue.value) return;
    const data = [choice.indicator, choice.areaType, choice.periodType, choice.breakdown].join('|');
    if (data !== this.wantedData) {
      this.wantedData = data;
      void this.data.load((signal) => api.data(choice, signal)).then(() => this.settle());
    }
    if (choice.areaType && choice.areaType !== this.wantedAreas) {
      this.wantedAreas = choice.areaType;
      void this.areas.load((signal) => api.areas(choice.areaType, signal));
      void this.boundaries.load((signal) => api.boundaries(choice.areaType, signal));
    }
  }

  /** Once the rows are here: an area or category that the view does not have is let go. */
  private settle(): void {
    if (!this.current) return;
    const change: Partial<Choice> = {};
    if (this.choice.area && !this.allRows.some((row) => row.area_code === this.choice.area)) change.area = '';
    if (this.choice.category && !this.categories.includes(this.choice.category)) change.category = '';
    if (Object.keys(change).length) {
      this.choice = { ...this.choice, ...change };
      this.remember('replace');
    }
  }
}
