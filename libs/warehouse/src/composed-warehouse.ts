import type { EvolvingWarehouse } from './evolution';
import type { HistoryWarehouse } from './history';
import type { RepairableWarehouse } from './repair';

/** Passes the three larger parts of the port on to objects of their own. */
export abstract class ComposedWarehouse implements RepairableWarehouse, HistoryWarehouse, EvolvingWarehouse {
  protected abstract readonly repairs: RepairableWarehouse;
  protected abstract readonly history: HistoryWarehouse;
  protected abstract readonly evolution: EvolvingWarehouse;

  async openUse(...of: Parameters<RepairableWarehouse['openUse']>): ReturnType<RepairableWarehouse['openUse']> {
    return this.repairs.openUse(...of);
  }

  async closeUse(...of: Parameters<RepairableWarehouse['closeUse']>): ReturnType<RepairableWarehouse['closeUse']> {
    return this.repairs.closeUse(...of);
  }

  async staleUses(...of: Parameters<RepairableWarehouse['staleUses']>): ReturnType<RepairableWarehouse['staleUses']> {
    return this.repairs.staleUses(...of);
  }

  async readStanding(...of: Parameters<RepairableWarehouse['readStanding']>): ReturnType<RepairableWarehouse['readStanding']> {
    return this.repairs.readStanding(...of);
  }

  async repairRows(...of: Parameters<RepairableWarehouse['repairRows']>): ReturnType<RepairableWarehouse['repairRows']> {
    return this.repairs.repairRows(...of);
  }

  async changedKeys(...of: Parameters<RepairableWarehouse['changedKeys']>): ReturnType<RepairableWarehouse['changedKeys']> {
    return this.repairs.changedKeys(...of);
  }

  async dueHistory(...of: Parameters<HistoryWarehouse['dueHistory']>): ReturnType<HistoryWarehouse['dueHistory']> {
    return this.history.dueHistory(...of);
  }

  async noteDueHistory(...of: Parameters<HistoryWarehouse['noteDueHistory']>): ReturnType<HistoryWarehouse['noteDueHistory']> {
    return this.history.noteDueHistory(...of);
  }

  async mergeHistory(...of: Parameters<HistoryWarehouse['mergeHistory']>): ReturnType<HistoryWarehouse['mergeHistory']> {
    return this.history.mergeHistory(...of);
  }

  async checkHistory(...of: Parameters<HistoryWarehouse['checkHistory']>): ReturnType<HistoryWarehouse['checkHistory']> {
    return this.history.checkHistory(...of);
  }

  async evolveTable(...of: Parameters<EvolvingWarehouse['evolveTable']>): ReturnType<EvolvingWarehouse['evolveTable']> {
    return this.evolution.evolveTable(...of);
  }

  async stopTable(...of: Parameters<EvolvingWarehouse['stopTable']>): ReturnType<EvolvingWarehouse['stopTable']> {
    return this.evolution.stopTable(...of);
  }

  async forgetTables(...of: Parameters<EvolvingWarehouse['forgetTables']>): ReturnType<EvolvingWarehouse['forgetTables']> {
    return this.evolution.forgetTables(...of);
  }

  async resetTables(...of: Parameters<EvolvingWarehouse['resetTables']>): ReturnType<EvolvingWarehouse['resetTables']> {
    return this.evolution.resetTables(...of);
  }

  async reshapeTable(...of: Parameters<EvolvingWarehouse['reshapeTable']>): ReturnType<EvolvingWarehouse['reshapeTable']> {
    return this.evolution.reshapeTable(...of);
  }
}
